// Messages as server-sent events (WHATWG HTML, 9.2.5).
#pragma once

#include <string_view>

#include "core/bytes.h"
#include "core/message.h"

namespace millrace::http {

/// Encodes messages as events; many streams of one shard send the same one after the other, so the last is
/// remembered. Belongs to the shard's Server.
class EventEncoder {
  public:
    /// Valid until the next call. `named`: the data say of which channel it is, and there is no position.
    ByteView encode(const MessagePtr& message, std::string_view epoch, bool named);
    /// The owner of what encode() returned, where it is long enough to be shared; else nullptr.
    const MessagePtr& shared() const { return shared_; }

  private:
    MessagePtr message_;  ///< the last; held so that its address is no other's
    MessagePtr shared_;
    bool named_ = false;
    ByteBuffer json_;
    ByteBuffer event_;
};

}  // namespace millrace::http
