// What an MQTT session has to read of the log.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/message.h"
#include "core/timer_wheel.h"
#include "mqtt/session/session.h"
#include "store/catch_up.h"

namespace millrace::mqtt {

class ClientSession;

/// Where a session is on a stored channel.
struct Position {
    std::uint64_t after = 0;     ///< everything up to it is sent, or waits in the session
    std::int64_t at_us = 0;      ///< nothing behind it was committed earlier than this
    std::uint64_t reset_to = 0;  ///< as in Terms; the client has still to be told
    std::uint32_t newest = 0;    ///< not 0: so many of the newest; `after` follows when they are looked up
    bool same_epoch = true;      ///< false: `after` is of another store's life
    bool asked = false;          ///< by the client, which has to expect that it is gone
};

/// The stored channels on which a session is behind, each with its position in the log. While its client is
/// connected they are read, one at a time, and nothing is read that the client does not take at once; what
/// comes live meanwhile is held back or dropped, since the log has it. Made when a session first falls
/// behind; belongs to its ClientSession, on that one's shard, and moves to another with the session.
class Replay final : private store::CatchUp::Follower, private Timer {
  public:
    explicit Replay(ClientSession& seat) : seat_(&seat) {}
    ~Replay();

    /// The session needs what is behind `position`; of two positions the earlier one holds. False: it is
    /// behind on too many channels.
    [[nodiscard]] bool add(std::string_view channel, const Position& position);
    /// The same, however many channels there are.
    void add_always(std::string_view channel, const Position& position);
    /// Whether a message that comes live goes to the client now; it does not if it is read, was read or will
    /// be. `reset_to` is set as in Terms.
    bool lets_through(const MessagePtr& message, std::uint64_t& reset_to);
    /// The client wants the channel from there on, whatever there was. False as for add().
    [[nodiscard]] bool place(std::string_view channel, const Position& position);
    /// The client wants the newest messages of every stored channel that the filter matches. False: too many
    /// filters are looked up already.
    [[nodiscard]] bool list(std::string_view filter, std::uint32_t newest);
    /// Whether a retained message is not to be sent now: it comes out of the log, or is sent before what
    /// does.
    bool takes_retained(const MessagePtr& message);
    /// A subscription of the session is new, or has other options.
    void subscribed();
    /// A subscription is gone: what no other one is about is not wanted any more.
    void unsubscribed(std::string_view filter);
    bool empty() const { return channels_.empty() && lists_.empty(); }
    /// What is to be read was committed then or later; no value: there is nothing.
    std::optional<std::int64_t> oldest_us() const;
    /// f(channel, position), by channel: where the session is behind.
    void for_each(const std::function<void(const std::string&, const Position&)>& f) const;

    /// Reads on, if the client has room: to be called whenever it may have.
    void go_on();
    /// The client is gone: what is being read is read again for the next one.
    void stop();
    /// Between stop() and go_on().
    void move_to(ClientSession& seat) { seat_ = &seat; }
    /// What Client::read() and Client::list_channels() have brought.
    void on_answer(std::uint32_t ticket, Result<store::Page> page);
    void on_answer(std::uint32_t ticket, Result<std::vector<store::ChannelInfo>> channels);

  private:
    struct Channel {
        Position position;
        std::uint64_t oldest_live = 0;  ///< of what came live and was not let through
        std::uint64_t newest_live = 0;
        MessagePtr retained;  ///< to be sent first, unless it is among what is read
        bool live = false;    ///< everything was read; what is not behind the position comes twice
    };
    using Channels = std::map<std::string, Channel, std::less<>>;
    /// Channels that have to be found.
    struct List {
        std::string filter;
        std::uint32_t newest = 0;
        std::string after;  ///< by name, those up to it are found
    };

    void read(store::Range range) override;
    bool has_room() override;
    void send(const MessagePtr& message) override;
    void position_found() override;
    void position_lost(std::uint64_t first) override;
    void caught_up() override;
    void failed(error_code error) override;
    void on_timer(TimePoint now) override;

    Channels::iterator next_behind();
    void start_next();
    void find_position(const store::Page& page);
    void find_channels();
    bool found(const List& list, std::string_view channel);
    Channel* find_listed(std::string_view channel);
    void abandon();
    void forget_live();
    std::size_t ahead_bytes() const;
    std::size_t positions_max() const;

    ClientSession* seat_;
    Channels channels_;
    std::vector<List> lists_;
    std::string last_;            ///< the channel that had the latest turn
    Channels::iterator reading_;  ///< while there is a catch_up_
    std::unique_ptr<store::CatchUp> catch_up_;
    std::vector<const Subscription*> subscriptions_;  ///< those that reading_ is read for
    std::uint32_t ticket_ = 0;                        ///< of the answer that is awaited; 0: none is
    unsigned pages_ = 0;                              ///< of this turn of reading_
    bool full_ = false;                               ///< the session has no room for what comes now
};

}  // namespace millrace::mqtt
