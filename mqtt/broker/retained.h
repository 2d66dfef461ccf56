// The last retained message of each topic.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

#include "core/message.h"

namespace millrace::mqtt {

/// Retained messages, found by filter: for every reader the last one of each topic that is meant for it. So a
/// topic may have one for everybody and a later one for authenticated clients only; what is meant for one
/// user or one table of users is never retained. Every shard holds a whole copy of the index (the messages
/// are shared), so that a new subscription gets them without asking another thread and without a gap to what
/// follows (docs/decisions/0004). Belongs to its shard's thread.
class RetainedMap {
  public:
    RetainedMap(std::size_t messages_max, std::size_t bytes_max);
    ~RetainedMap();

    using Visit = std::function<void(const MessagePtr&)>;

    /// Keeps a message published with RETAIN, or, when its payload is empty, forgets what its audience had
    /// [MQTT-3.3.1-6]. False: a limit is reached and the message was not kept.
    bool update(const MessagePtr& message);
    /// Calls `visit` for each retained message whose topic the filter matches, for an authenticated reader or
    /// for one that is not. `visit` must not change the map.
    void match(std::string_view filter, bool authenticated, const Visit& visit) const;

    std::size_t size() const;
    std::size_t bytes() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::mqtt
