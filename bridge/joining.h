// The way into a channel: acknowledgement, history, what was missed, roster.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "bridge/cursors.h"
#include "bridge/frames.h"
#include "core/message.h"
#include "core/result.h"
#include "mqtt/broker/readable_page.h"
#include "store/catch_up.h"
#include "store/log.h"

namespace millrace::bridge {

class Session;

/// One join under way. While it reads from the store, live messages are held back, so that the reader gets
/// history and live traffic without a gap or a repeat. Belongs to its Session, which ends it with
/// finish_joining(), and lives on its shard.
class Joining : protected store::CatchUp::Follower {
  public:
    /// `fresh`: the session was not a member before.
    Joining(Session& session, ClientFrame frame, bool fresh, bool wildcard);
    virtual ~Joining() = default;
    Joining(const Joining&) = delete;
    Joining& operator=(const Joining&) = delete;

    /// May end, and destroy, this.
    virtual void start() = 0;
    virtual void on_page(Result<store::Page> page) = 0;
    /// The answer to Session::read_newest.
    virtual void on_newest(Result<mqtt::ReadablePage> page) = 0;
    virtual void on_presence_full(const SharedFrame& frame) = 0;
    /// The answer to Session::find_cursor.
    virtual void on_cursor(std::optional<Cursors::Place>) {}
    void on_drained() { catch_up_.on_drained(); }

    /// A live message that comes while history is read.
    void hold(const MessagePtr& message) { catch_up_.hold(message); }
    const std::string& channel() const { return request_.channel; }

  protected:
    void read(store::Range range) override;
    bool has_room() override;

    bool stored() const;
    /// To see where the channel is.
    store::Range newest() const;
    /// Whether the joiner asked for the newest messages and the channel's rule gives it some.
    bool wants_history() const;
    /// Without history a reader can still follow what comes; without its position it would have a hole.
    void refuse();
    /// What is delivered from now on goes to the socket, which has, or gets, everything behind `begin`.
    void go_live(std::uint64_t begin);
    /// Whether a member that asks for what is behind `after` lacks nothing. `last`: the newest seq.
    bool lacks_nothing(std::uint64_t after, std::uint64_t last) const;
    /// Why a reader's position means nothing, where it has to begin at `first`.
    std::string_view reason_of(bool same_epoch, std::uint64_t after, std::uint64_t first) const;
    /// The same of a channel that has no positions.
    std::string_view reason_of_none() const;
    /// True: the roster will follow, to on_presence_full().
    bool enter_roster();
    void take_roster(const SharedFrame& frame);

    Session& session_;
    const ClientFrame request_;
    const bool fresh_;
    const bool wildcard_;
    const std::size_t ahead_bytes_;
    store::CatchUp catch_up_;
};

/// In the first generation: acknowledgement, history, what was missed, roster.
class FirstJoining final : public Joining {
  public:
    FirstJoining(Session& session, ClientFrame frame, bool fresh, bool wildcard);
    void start() override;
    void on_page(Result<store::Page> page) override;
    void on_newest(Result<mqtt::ReadablePage> page) override;
    void on_presence_full(const SharedFrame& frame) override;

  private:
    enum class Step : std::uint8_t { position, history, catch_up, presence };

    void send(const MessagePtr& message) override;
    void position_found() override;
    void position_lost(std::uint64_t first) override;
    void caught_up() override;
    void failed(error_code error) override;

    bool same_epoch() const;
    void judge(const store::Page& newest);
    void acknowledge(JoinAck ack = {});
    void show_history();

    Step step_ = Step::catch_up;
    std::uint64_t begin_;  ///< everything behind this reaches the socket
};

}  // namespace millrace::bridge
