// The way into a channel: acknowledgement, history, what was missed, roster.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bridge/frames.h"
#include "core/message.h"
#include "core/result.h"
#include "store/catch_up.h"
#include "store/log.h"

namespace millrace::bridge {

class Session;

/// One join under way. While it reads from the store, live messages are held back, so that the reader gets
/// history and live traffic without a gap or a repeat. Belongs to its Session, which ends it with
/// finish_joining(), and lives on its shard.
class Joining final : private store::CatchUp::Follower {
  public:
    /// `fresh`: the session was not a member before.
    Joining(Session& session, ClientFrame frame, bool fresh, bool wildcard);

    /// May end, and destroy, this.
    void start();
    void on_page(Result<store::Page> page);
    void on_drained() { catch_up_.on_drained(); }
    void on_presence_full(const SharedFrame& frame);

    /// A live message that comes while history is read.
    void hold(const MessagePtr& message) { catch_up_.hold(message); }
    const std::string& channel() const { return request_.channel; }

  private:
    enum class Step : std::uint8_t { history, catch_up, presence };

    void read(store::Range range) override;
    bool has_room() override;
    void send(const MessagePtr& message) override;
    void position_found() override { acknowledge({}); }
    void position_lost(std::uint64_t first) override { acknowledge(first); }
    void caught_up() override;
    void failed(error_code error) override;

    void acknowledge(std::optional<std::uint64_t> reset_to);
    void send_history(store::Page page);
    void enter_roster();

    Session& session_;
    const ClientFrame request_;
    const bool fresh_;
    const bool wildcard_;
    const std::size_t ahead_bytes_;
    Step step_ = Step::catch_up;
    store::CatchUp catch_up_;
};

/// The newest of `messages` that `principal` may receive and that fit into `bytes` together, oldest first.
std::vector<MessagePtr> newest_for(const access::Principal& principal, std::vector<MessagePtr> messages,
                                   std::size_t bytes);

}  // namespace millrace::bridge
