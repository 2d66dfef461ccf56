#include "core/result.h"

namespace millrace {
namespace {

class Category final : public boost::system::error_category {
  public:
    const char* name() const noexcept override { return "millrace"; }
    std::string message(int code) const override {
        switch (static_cast<Errc>(code)) {
            case Errc::ok:
                return "no error";
            case Errc::malformed:
                return "malformed input";
            case Errc::too_large:
                return "larger than the configured limit";
            case Errc::invalid_channel:
                return "not a valid channel name";
            case Errc::not_authorised:
                return "not authorised";
            case Errc::overloaded:
                return "too much is queued, try again later";
            case Errc::store_unavailable:
                return "the store is not available";
            case Errc::not_found:
                return "not found";
            case Errc::closed:
                return "closed";
            case Errc::timed_out:
                return "timed out";
        }
        return "unknown error";
    }
};

}  // namespace

error_code make_error_code(Errc code) {
    static const Category category;
    return {static_cast<int>(code), category};
}

}  // namespace millrace
