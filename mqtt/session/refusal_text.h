// Why something was refused, in words for people: what a Reason String says where nobody has said more.
#pragma once

#include <string_view>

#include "mqtt/codec/reason_code.h"

namespace millrace::mqtt {

/// Of `code` in a packet of the type `answer`; empty for success, and for codes that only DISCONNECT carries.
/// A limit is named by its key in the configuration.
std::string_view refusal_text(PacketType answer, ReasonCode code);

}  // namespace millrace::mqtt
