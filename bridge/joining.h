// The way into a channel: acknowledgement, history, what was missed, roster.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bridge/frames.h"
#include "core/message.h"
#include "core/result.h"
#include "store/log.h"

namespace millrace::bridge {

class Session;

/// One join under way. While it reads from the store, live messages are held back, so that the reader gets
/// history and live traffic without a gap or a repeat. Belongs to its Session, which ends it with
/// finish_joining(), and lives on its shard.
class Joining {
  public:
    /// `fresh`: the session was not a member before.
    Joining(Session& session, ClientFrame frame, bool fresh, bool wildcard);

    /// May end, and destroy, this.
    void start();
    void on_page(Result<store::Page> page);
    void on_drained();
    void on_presence_full(const SharedFrame& frame);

    /// A live message that comes while history is read.
    void hold(const MessagePtr& message);
    const std::string& channel() const { return request_.channel; }

  private:
    enum class Step : std::uint8_t { position, history, catch_up, sending, presence };

    void acknowledge(const store::Page* behind);
    void judge_position(const store::Page& page);
    void send_history(std::vector<MessagePtr> messages);
    void send_page();
    void read_after(Step step, std::uint64_t after);
    void read_on();
    void fail(error_code error);
    void go_live();
    void enter_roster();

    Session& session_;
    const ClientFrame request_;
    const bool fresh_;
    const bool wildcard_;
    const std::size_t ahead_bytes_;
    bool stored_ = false;
    bool gap_ = false;  ///< held messages were dropped: the store has them
    Step step_ = Step::position;
    std::uint64_t cursor_ = 0;  ///< the last seq that the reader has
    store::Page page_;
    std::size_t next_ = 0;
    std::vector<MessagePtr> held_;
    std::size_t held_bytes_ = 0;
};

/// The newest of `messages` that `principal` may receive and that fit into `bytes` together, oldest first.
std::vector<MessagePtr> newest_for(const access::Principal& principal, std::vector<MessagePtr> messages,
                                   std::size_t bytes);

}  // namespace millrace::bridge
