// A question to a backend, and how it ended.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "core/clock.h"
#include "core/message.h"

namespace millrace {
class Shard;
}

namespace millrace::hooks {

enum class Outcome : std::uint8_t {
    allowed,
    denied,  ///< by the backend; the others are failures, and count as a no
    timed_out,
    unreachable,
    bad_answer,
    too_large,
    queue_full,
};

/// Bytes to publish in place of others.
struct Payload {
    std::string bytes;
    Encoding encoding = Encoding::json;
};

struct Verdict {
    Outcome outcome = Outcome::allowed;
    std::string reason = {};  ///< why not, in words for the client
    std::string detail = {};  ///< of a failure, for the log
    std::optional<Payload> payload = {};
    bool connected = false;  ///< a connection was opened to ask

    bool allowed() const { return outcome == Outcome::allowed; }
};

/// A no that no backend has said.
Verdict failure(Outcome outcome, std::string detail);

/// What may be in the place of the payload that was asked about.
struct Replaceable {
    bool payload = false;   ///< anything at all
    bool bytes = false;     ///< what is not JSON, too
    bool was_text = false;  ///< it was no JSON: a string in its place is the text that it says
};

struct Call {
    std::string url;  ///< valid, as the configuration names it
    std::string body;
    Milliseconds timeout{0};
    Replaceable replaceable = {};
    Shard* shard = nullptr;
    std::function<void(Verdict)> done;  ///< runs on the shard, once
};

/// Whoever can ask backends: the port that tests put their own in place of.
class Asker {
  public:
    /// Any thread; never blocks, and never calls `done` itself.
    virtual void ask(Call call) = 0;

  protected:
    ~Asker() = default;
};

}  // namespace millrace::hooks
