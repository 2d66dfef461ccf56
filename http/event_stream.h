// Server-Sent Events: a channel as an answer that does not end (WHATWG HTML, 9.2).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/access/principal.h"
#include "core/net/connection.h"
#include "core/net/protocol.h"
#include "http/server.h"
#include "mqtt/broker/subscriber.h"
#include "store/catch_up.h"

namespace millrace::http {

/// `GET /v1/channels/{channel}/stream?after=&epoch=`
void serve_stream(Exchange& exchange);

/// Where a reader was when it went away.
struct StreamPosition {
    std::uint64_t after = 0;
    std::string epoch;  ///< empty: not said
};
/// `<epoch>:<seq>`, as this server writes it; anything else is a position that no store has.
StreamPosition parse_event_id(std::string_view text);

/// What a stream was asked for, checked and allowed.
struct StreamRequest {
    std::string channel;
    bool wildcard = false;  ///< `channel` is a filter: live only, and messages name their channel
    bool stored = false;
    std::optional<StreamPosition> position;
    access::PrincipalPtr principal;
};

/// The writing end of one stream. Its connection speaks nothing else any more: owned by that, on its shard.
class EventStream final : public Protocol, private mqtt::Subscriber, private store::CatchUp::Follower {
  public:
    EventStream(Server& server, Connection& connection, StreamRequest request);
    ~EventStream() override;

    /// Once the head is written.
    void start();

    std::size_t on_bytes(ByteView bytes) override { return bytes.size(); }
    void on_closed(error_code reason) override;
    void on_deadline(TimePoint now) override;
    void on_drained() override;
    void on_review() override;
    void on_shutdown() override;

  private:
    void deliver(const MessagePtr& message, const mqtt::Match& match) override;

    void read(store::Range range) override;
    bool has_room() override;
    void send(const MessagePtr& message) override;
    void position_found() override {}
    void position_lost(std::uint64_t first) override;
    void caught_up() override;
    void failed(error_code error) override;

    void on_page(Result<store::Page> page);
    void begin_at_end(const store::Page& page);
    void send_reset(std::optional<std::uint64_t> first);
    void append_position(ByteBuffer& out, std::uint64_t seq);
    void leave();
    bool may_stay();
    void watch_time();

    Server& server_;
    Connection& connection_;
    const StreamRequest request_;
    const std::size_t ahead_bytes_;
    std::unique_ptr<store::CatchUp> catch_up_;  ///< until it is live
    std::uint64_t through_ = 0;                 ///< the seq up to which it has everything
    bool looking_for_end_ = false;  ///< no position was given: the page read tells where it begins
    bool subscribed_ = false;
};

}  // namespace millrace::http
