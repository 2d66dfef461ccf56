// Who is asking.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace millrace::access {

/// An identity, established once per connection or request and never changed. Shared by pointer; any thread.
struct Principal {
    enum class Kind : std::uint8_t {
        anonymous,  ///< no credentials
        user,       ///< a verified token or password
        backend,    ///< an API key: may publish anywhere and administer
    };
    Kind kind = Kind::anonymous;
    std::string name;         ///< for logs; empty for anonymous
    std::int64_t dbo_id = 0;  ///< as in a bridge `client`
    std::int64_t row_id = 0;
    std::string extras = "{}";  ///< a JSON object, shown to other members

    bool authenticated() const { return kind != Kind::anonymous; }
};

using PrincipalPtr = std::shared_ptr<const Principal>;

/// The one anonymous principal.
const PrincipalPtr& anonymous();

}  // namespace millrace::access
