// An MQTT client's connection.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "core/access/scram.h"
#include "core/net/connection.h"
#include "core/net/protocol.h"
#include "mqtt/broker/client_session.h"
#include "mqtt/broker/client_source.h"
#include "mqtt/broker/credentials.h"
#include "mqtt/session/host.h"
#include "mqtt/session/machine.h"

namespace millrace::mqtt {

/// MQTT on a connection: the machine, between the socket and the broker. Owned by the connection, on its
/// shard.
class Client : public Protocol, private Host {
  public:
    Client(SessionTable& sessions, Connection& connection);

    std::size_t on_bytes(ByteView bytes) override;
    void on_closed(error_code reason) override;
    void on_deadline(TimePoint now) override;
    void on_drained() override;
    void on_published(std::uint64_t token, const PublishResult& result) override;
    void on_denied(std::uint64_t token, std::string_view reason) override;
    void on_shutdown() override;

    /// The session is on its way from another shard; `seat` wants to know if the connection ends before.
    void wait_for(ClientSession& seat) { seat_ = &seat; }
    void begin(ClientSession& seat, Session& session, bool present, bool assigned);
    /// Empty until the session is here.
    std::string_view id() const { return session_ == nullptr ? std::string_view{} : session_->client_id(); }
    ClientInfo info() const;
    /// Instead of begin().
    void refuse(ReasonCode code);
    bool connected() const { return machine_.connected(); }
    /// Whether the configuration still lets it connect without credentials, or still knows those it has.
    bool is_welcome() const;
    /// By order of an administrator, or because what it was allowed is not allowed any more.
    void send_away(ReasonCode code, const char* why) { machine_.end(code, why); }
    /// Whether its packets are logged: asked again when the configuration has changed.
    void review_trace();
    /// Somebody else connected with the client id; the session is theirs.
    void taken_over();
    /// As Machine::offer.
    [[nodiscard]] Machine::DropReason offer(const MessagePtr& message, const Terms& terms) {
        const Machine::DropReason reason = machine_.offer(message, terms);
        connection_.wake();
        return reason;
    }
    bool has_room(std::size_t bytes) const { return machine_.has_room(bytes); }
    /// Reads from the store for the session's Replay, which gets the answer unless the connection ends
    /// before.
    void read(store::Range range, std::uint32_t ticket);
    void list_channels(std::string after, std::uint32_t limit, std::uint32_t ticket);

  protected:
    /// The machine writes to `out`, which somebody else moves into the connection's.
    Client(SessionTable& sessions, Connection& connection, Outbox& out);

    Connection& connection() { return connection_; }
    const Machine& machine() const { return machine_; }
    std::size_t outbox_limit() const;
    virtual bool in_websocket() const { return false; }
    /// The machine waits no longer: it is to be given what it left.
    virtual void read_on() { connection_.resume(); }
    /// Closes the connection of a client that listens no more.
    virtual void hang_up();
    /// The connection is lost, whatever the socket says.
    void lose();

  private:
    /// A SCRAM authentication under way, and the CONNECT it is for, unless the client is connected.
    struct Exchange {
        access::ScramExchange scram;
        ConnectRequest request;
    };
    /// What idle clients do not need.
    struct Rare {
        std::string client_json;
        std::string proof;       ///< for the CONNACK
        std::string trace_name;  ///< of one that is traced
        std::unique_ptr<Exchange> exchange;
    };
    Rare& rare();

    void on_connect(const Connect& connect) override;
    void on_auth(ByteView data, bool begins) override;
    bool wants_trace(const Connect& connect) override;
    void on_packet(const Frame& frame, Sender sender) override;
    PublishAnswer on_publish(const ReceivedMessage& message, std::uint64_t token) override;
    bool may_subscribe(std::string_view filter) override;
    ReplayAnswer on_replay(std::string_view filter, const ReplayRequest& request) override;
    std::optional<Denials> ask_hooks(const Subscribe& packet) override;
    void on_subscribe(const Subscription& subscription) override;
    void on_unsubscribe(std::string_view filter) override;
    bool keep_subscriptions() override;
    void send_retained(const Subscription& subscription) override;
    void on_end() override;
    void on_goodbye() override;
    void hold(Milliseconds time) override;
    TimePoint now() const override;
    std::int64_t wall_clock_us() const override;

    Identification begin_exchange(const Connect& connect, const Arriving& arriving);
    void challenge();
    void begin_again(ByteView data);
    void exchange_failed();
    bool trace(std::string_view client_id, std::string_view user);
    void check_password(const Connect& connect, ConnectRequest request);
    void password_checked(bool right, ConnectRequest request);
    void watch_time();
    MessagePtr will_of(const Connect& connect, const access::Principal& principal,
                       std::string_view client_id);
    MessagePtr message_of(const ReceivedMessage& received);
    bool payload_allowed(std::string_view topic, ByteView payload, const Properties& properties) const;
    const std::string& client_json();
    void wake_if_needed();
    void read_log_on();
    template <class Answer>
    auto give_to_replay(std::uint32_t ticket);
    void read_on_if_possible();
    void kept(error_code error);
    void leave_seat();

    SessionTable& sessions_;
    Connection& connection_;
    ClientSession* seat_ = nullptr;  ///< from CONNECT to the end
    Session* session_ = nullptr;     ///< from begin() to the end
    std::unique_ptr<Rare> rare_;
    TimePoint last_packet_{};
    std::int64_t connected_at_us_;
    Machine machine_;
};

}  // namespace millrace::mqtt
