#include "core/access/principal.h"

namespace millrace::access {

const PrincipalPtr& anonymous() {
    static const PrincipalPtr principal = std::make_shared<const Principal>();
    return principal;
}

}  // namespace millrace::access
