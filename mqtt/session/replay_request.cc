#include "mqtt/session/replay_request.h"

#include "core/number.h"

namespace millrace::mqtt {

Decoded<ReplayRequest> read_replay_request(const Properties& properties, std::uint32_t newest_max) {
    ReplayRequest request;
    const char* fault = nullptr;
    properties.for_each_user_property([&](std::string_view name, std::string_view value) {
        if (name == "after") {
            request.after = parse_number(value);
            if (!request.after) fault = "the user property `after` has to be a number";
        } else if (name == "last") {
            const std::uint64_t newest = parse_number(value).value_or(0);
            if (newest == 0 || newest > newest_max)
                fault = "the user property `last` has to be from 1 to `limits.history_page_messages`";
            else
                request.newest = static_cast<std::uint32_t>(newest);
        } else if (name == "epoch") {
            request.epoch = value;
        }
    });
    if (request.after && request.newest != 0)
        fault = "the user properties `after` and `last` exclude each other";
    if (!request.epoch.empty() && !request.after && fault == nullptr)
        fault = "the user property `epoch` needs `after`";
    if (fault != nullptr) return DecodeError{ReasonCode::implementation_specific_error, fault};
    return request;
}

}  // namespace millrace::mqtt
