// Password files: each line is a user, a comment, or a fault; nobody gets in by a hash that was not made for
// the password, and another user's line changes nothing else.
#include <string>
#include <string_view>

#include "core/access/password_file.h"
#include "core/access/password_hash.h"
#include "tests/fuzz/check.h"

using namespace millrace;
using fuzz::check;

namespace {

/// 64 bytes of zero.
const std::string kNobodysHash = "$7$1$YWJjZGVmZ2hpamts$" + std::string(86, 'A') + "==";

/// Some costs are meant to take seconds.
bool cheap(std::string_view hash, std::uint64_t cost) {
    if (hash.starts_with("$7$")) return cost <= 100;
    return cost <= (hash.starts_with("SCRAM-") ? 4096 : 64'000);
}

void check_line(std::string_view line) {
    const std::size_t colon = line.find(':');
    const std::string_view hash =
        access::trimmed(colon == std::string_view::npos ? line : line.substr(colon + 1));
    const auto parsed = access::PasswordHash::parse(hash);
    if (!parsed) return check(!parsed.error().what.empty());
    if (cheap(hash, parsed->cost())) check(!parsed->matches("no hash in the seeds is of this"));
}

void check_with_user(std::string_view text, const access::PasswordFile& file) {
    const std::string more = access::with_user(text, "somebody-new", kNobodysHash);
    const auto again = access::PasswordFile::parse(more);
    check(again.has_value());
    check(again->size() == file.size() + 1 || text.find("somebody-new") != std::string_view::npos);
    check(access::with_user(more, "somebody-new", kNobodysHash) == more);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto file = access::PasswordFile::parse(text);
    if (!file) check(!file.error().what.empty());
    if (file) check_with_user(text, *file);
    for (std::string_view rest = text; !rest.empty();) check_line(access::take_line(rest));
    return 0;
}
