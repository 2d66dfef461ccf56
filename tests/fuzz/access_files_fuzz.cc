// Access control lists and password files: what is read of them has the meaning of its lines.
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/access/acl_file.h"
#include "core/access/password_file.h"
#include "core/channel_name.h"

using namespace millrace;
using access::Permission;

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

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

void check_passwords(std::string_view text) {
    const auto file = access::PasswordFile::parse(text);
    if (!file) return check(!file.error().what.empty());
    const std::string hash = "$7$1$YWJjZGVmZ2hpamts$" + std::string(86, 'A') + "==";  // 64 bytes of zero
    const auto more = access::PasswordFile::parse(access::with_user(text, "somebody-new", hash));
    check(more.has_value() && (more->size() == file->size() + 1 || text.find("somebody-new") != text.npos));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check_passwords(text);
    // The last line is the topic that is asked for.
    const std::size_t end = text.rfind('\n');
    const std::string_view topic = end == std::string_view::npos ? "topic" : text.substr(end + 1);
    check_acl(text, is_channel_name(topic) ? topic : "topic");
    return 0;
}
