// Access control lists: what is read of them has the meaning of its lines.
#include <string>
#include <string_view>

#include "core/access/acl_file.h"
#include "core/channel_name.h"
#include "tests/fuzz/check.h"

using namespace millrace;
using access::Permission;
using millrace::fuzz::check;

namespace {

void check_acl(std::string_view text, std::string_view topic) {
    const auto acl = access::AclFile::parse(text);
    if (!acl) return check(!acl.error().what.empty());
    access::Principal user;
    user.kind = access::Principal::Kind::user;
    user.name = "a+b";
    user.client_id = "sensor";
    for (const access::Principal& who : {access::Principal{}, user}) {
        // One that is no filter is a filter for itself alone.
        check(acl->may_subscribe(who, topic) == acl->may(who, Permission::read, topic));
        if (acl->may_subscribe(who, "#") && !topic.starts_with('$'))
            check(acl->may_subscribe(who, topic) || text.find("deny") != std::string_view::npos);
    }
    const std::string filled = access::fill_pattern("own/%u/%c", user);
    check(filled.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    // The last line is the topic that is asked for.
    const std::size_t end = text.rfind('\n');
    const std::string_view topic = end == std::string_view::npos ? "topic" : text.substr(end + 1);
    check_acl(text, is_channel_name(topic) ? topic : "topic");
    return 0;
}
