// Who is asking.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"

namespace millrace::access {

/// What a token's claim `acl` allows on the channels that a filter matches.
struct Grant {
    std::string filter;
    bool publish = false;
    bool subscribe = false;
};

/// An identity, established once per connection or request and never changed. Shared by pointer; any thread.
struct Principal {
    enum class Kind : std::uint8_t {
        anonymous,  ///< no credentials
        user,       ///< a verified token or password
        backend,    ///< an API key: may publish anywhere and administer
    };
    Kind kind = Kind::anonymous;
    std::string name;         ///< for logs, lists and the ownership of client ids; empty for anonymous
    std::int64_t dbo_id = 0;  ///< as in a bridge `client`
    std::int64_t row_id = 0;
    std::string extras = "{}";                 ///< a JSON object, shown to other members
    std::string client_id;                     ///< of an MQTT client that an access control list may name
    std::int64_t expires_at_s = 0;             ///< since 1970, when its token ends; 0: never
    std::optional<std::vector<Grant>> grants;  ///< of its token, in place of the access control list
    /// Which API key or password it was shown by, for Authoriser::knows(); 0: neither.
    std::uint64_t credential = 0;

    bool authenticated() const { return kind != Kind::anonymous; }
    bool expired(std::int64_t now_us) const {
        return expires_at_s != 0 && now_us / 1'000'000 >= expires_at_s;
    }
};

using PrincipalPtr = std::shared_ptr<const Principal>;

/// The one anonymous principal.
const PrincipalPtr& anonymous();

/// Until the principal's token ends, but `longest` at most.
inline Milliseconds time_left(const Principal& principal, std::int64_t now_us, Milliseconds longest) {
    if (principal.expires_at_s == 0) return longest;
    const std::int64_t valid_ms = principal.expires_at_s * 1000 - now_us / 1000;
    return std::min(longest, Milliseconds{std::max<std::int64_t>(valid_ms, 1)});
}

}  // namespace millrace::access
