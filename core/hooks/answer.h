// What a backend's answer means. Pure.
#pragma once

#include <string_view>

#include "core/hooks/call.h"

namespace millrace::hooks {

/// 2xx without a body, or with `{"allow":true}` or `{"payload":…}`: yes. 403, or `{"allow":false}`: no, with
/// its `reason`. Everything else is a failure.
Verdict read_answer(unsigned status, std::string_view body, const Replaceable& replaceable);

}  // namespace millrace::hooks
