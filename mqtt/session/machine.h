// MQTT as a machine: bytes and events in, bytes and calls out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "core/net/outbox.h"
#include "core/result.h"
#include "core/token_bucket.h"
#include "mqtt/codec/frame_scanner.h"
#include "mqtt/codec/packets.h"
#include "mqtt/session/context.h"
#include "mqtt/session/host.h"
#include "mqtt/session/pending_acks.h"
#include "mqtt/session/replay_request.h"
#include "mqtt/session/session.h"
#include "mqtt/session/topic_aliases.h"

namespace millrace::mqtt {

/// The server's side of one MQTT connection, 3.1, 3.1.1 or 5.0. Knows no socket, clock or broker. Lives as
/// long as its connection, on its shard.
class Machine {
  public:
    /// Writes to `out`. `wire` is where its bytes end up: both together are what a slow reader leaves behind.
    Machine(SessionContext& context, Host& host, Outbox& out, const Outbox& wire)
        : context_(context), host_(host), out_(out), wire_(wire) {}
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    /// Takes whole packets from the front of `bytes`; how many bytes they were. The rest comes again, with
    /// more, or once it is no longer waiting().
    std::size_t feed(ByteView bytes);
    /// It reads no further before something else ends: a CONNECT, a publish, the sending of what is in `out`,
    /// or the time that Host::hold was told.
    bool waiting() const { return waiting_ || state_ == State::connecting; }

    /// The answer to Host::on_connect. `assigned_id` is the client id if the server chose it.
    /// `proof` is what an exchange of 4.12 ends with.
    void accept(Session& session, bool session_present, std::string_view assigned_id,
                std::string_view proof = {});
    void refuse(ReasonCode code);
    /// Instead of either: the client has to answer this first, in an AUTH. Also to Host::on_auth.
    void challenge(std::string_view method, std::string_view data);
    /// A re-authentication went well.
    void reauthenticated(std::string_view proof);
    /// From now on Host::on_packet is told of every packet, or of none.
    void set_traced(bool traced) { traced_ = traced; }
    /// A publish has ended.
    /// `why` says more of Errc::not_authorised.
    void published(std::uint64_t token, error_code error, std::string_view why = {});
    /// The answer to Host::keep_subscriptions.
    void kept(error_code error);

    /// What the drop of a message is counted as.
    using DropReason = mqtt::DropReason;
    /// Sends a message or keeps it for later; nullptr, or why there is no room. Only after accept().
    [[nodiscard]] DropReason offer(const MessagePtr& message, const Terms& terms);
    /// As offer(); a message that there is no room for is dropped and counted.
    void deliver(const MessagePtr& message, const Terms& terms);
    /// Whether a message that is offered now leaves at once, with at most `bytes` of what is written unread.
    bool has_room(std::size_t bytes) const;
    /// What was in `out` is sent: there is room for what had to wait.
    void drained();

    /// Ends the connection from our side: with a DISCONNECT where the version has one, then Host::on_end.
    void end(ReasonCode code, const char* why = "");
    /// The connection broke: as end(), but there is nobody to talk to, and Host::on_end is not called.
    void abandon();

    /// Bytes that were written and not yet sent.
    std::size_t backlog() const { return out_.bytes() + (&wire_ == &out_ ? 0 : wire_.bytes()); }
    /// Between Host::on_connect and its answer.
    bool connecting() const { return state_ == State::connecting; }
    bool connected() const { return state_ == State::connected; }
    bool ended() const { return state_ == State::ended; }
    Version version() const { return version_; }
    /// As agreed with the client; 0: none.
    std::uint16_t keep_alive_s() const { return keep_alive_s_; }
    /// Whether the client takes a CONNACK as long as ours [MQTT-3.1.2-24].
    bool connack_fits(std::string_view assigned_id) const;

  private:
    enum class State : std::uint8_t {
        fresh,
        authenticating,  ///< an AUTH is awaited
        connecting,      ///< the host is to say more
        connected,
        ended
    };
    /// SUBACK or UNSUBACK that waits for the store.
    struct LateAnswer {
        PacketType type;
        std::uint16_t packet_id;
        std::vector<ReasonCode> codes;
        std::string note = {};  ///< for people
    };
    /// What few connections need.
    struct Rare {
        std::vector<std::string> topics;  ///< by the client's aliases
        TopicAliases aliases;             ///< ours
        std::vector<LateAnswer> answers;  ///< the oldest first
        TokenBucket publishes;            ///< that the client may send; filled where there is a limit
        bool held = false;                ///< for want of them
        bool reauthenticates = false;
        bool front_told = false;  ///< a traced packet that is still to be taken
        std::string method;       ///< of authentication, as the CONNECT named it; empty: none
    };
    Rare& rare();

    bool reads() const {
        return state_ == State::fresh || state_ == State::authenticating || state_ == State::connected;
    }
    /// Writes one packet by `encode(ByteBuffer&)`.
    template <class Encode>
    void write(const Encode& encode) {
        ByteBuffer& tail = out_.tail();
        const std::size_t start = tail.size();
        encode(tail);
        if (traced_) tell_sent(tail.view().subspan(start));
    }
    void write_ack(PacketType type, std::uint16_t packet_id, ReasonCode code,
                   const Properties& properties = {});
    void write_auth(ReasonCode code, std::string_view data);
    void tell_sent(ByteView packet);
    void tell_sent(const Message& message, const Delivery& delivery);
    void tell_received(const Frame& frame);

    bool handle(const Frame& frame);
    void on_first(const Frame& frame);
    void on_auth(const Frame& frame);
    void on_connect(const Frame& frame);
    void remember(const Connect& connect);
    Properties connack_properties(std::string_view assigned_id, std::string_view proof) const;
    void refuse_undecoded(const DecodeError& error, Version version);
    void on_disconnect(const Frame& frame);
    /// False: it has to wait, for hooks or for answers that wait for the store.
    bool on_subscribe(const Frame& frame);
    /// What a SUBSCRIBE asks for, and what is answered.
    struct Subscribing {
        const Denials& denials;
        std::uint32_t identifier = 0;
        ReplayRequest replay;
        std::vector<ReasonCode> codes;  ///< one per filter, in their order [MQTT-3.8.4-6]
        std::vector<std::string_view> with_retained;
        std::string_view note = {};  ///< for people: the latest of what there is to say
    };
    void send_retained(const std::vector<std::string_view>& filters);
    ReasonCode subscribe(SubscriptionRequest request, Subscribing& subscribing);
    ReasonCode check_filter(SubscriptionRequest& request, ReplayRequest& replay, std::string_view& note);
    ReasonCode ask_for_history(std::string_view filter, const ReplayRequest& replay, std::string_view& note);
    bool on_unsubscribe(const Frame& frame);
    bool can_answer_with(std::size_t codes);
    bool may_answer_later();
    void answer(LateAnswer answer);
    void write_answer(const LateAnswer& answer);
    void write_suback(const LateAnswer& answer);
    void on_ping(const Frame& frame);

    bool take_publish(const Frame& frame);
    bool may_publish();
    bool on_publish(const Frame& frame);
    bool resolve_topic(const Publish& publish, std::string_view& topic);
    bool receive_at_most_once(const ReceivedMessage& message);
    bool receive_acknowledged(const Publish& publish, std::string_view topic);
    bool may_receive_more();
    bool take_answer(const Publish& publish, PublishAnswer answer);
    void acknowledge(PendingAcks::Ack ack);
    void write_ack(const PendingAcks::Ack& ack, std::string_view why = {});
    Properties reason(std::string_view why, std::size_t rest);
    Properties reason_of(PacketType answer, ReasonCode code, std::string_view why = {}, std::size_t rest = 0);
    Properties reason_of(const LateAnswer& answer);
    ReasonCode refusal(ReasonCode code) const;
    void settle(PendingAcks::Ack& ack, ReasonCode code);
    void on_pubrel(const Frame& frame);

    void on_puback(const Frame& frame);
    void on_pubrec(const Frame& frame);
    void on_pubcomp(const Frame& frame);
    void finish(Window::Slot& slot);
    void pump();
    bool resend_next(Outbound& outbound);
    void start(Outbound& outbound, QueuedMessage item);
    bool write_publish(const MessagePtr& message, const Delivery& delivery);
    bool append_publish(const MessagePtr& message, const Delivery& delivery, std::uint32_t remaining_s);
    bool append_by_alias(const MessagePtr& message, Delivery delivery, std::uint32_t remaining_s);
    bool has_expired(const Message& message, std::uint32_t& remaining_s) const;

    void fail(const DecodeError& error);
    void fail(ReasonCode code, const char* why) { fail(DecodeError{code, why}); }
    void leave_session();

    SessionContext& context_;
    Host& host_;
    Outbox& out_;
    const Outbox& wire_;
    Session* session_ = nullptr;  ///< from accept() to the end
    std::unique_ptr<PendingAcks> acks_;
    std::unique_ptr<Rare> rare_;
    std::uint32_t packet_bytes_max_ = 0xFFFFFFFF;  ///< the client's
    std::uint32_t session_expiry_s_ = 0;
    std::uint16_t window_ = 0;
    std::uint16_t keep_alive_s_ = 0;
    std::uint16_t unreleased_ = 0;      ///< QoS 2 messages of this connection whose PUBREL has not come
    std::uint16_t alias_maximum_ = 0;   ///< of our topic aliases; 0: the client takes none
    std::uint16_t unacknowledged_ = 0;  ///< QoS 1 messages of this connection whose PUBACK has not left
    Version version_ = Version::v311;
    State state_ = State::fresh;
    bool waiting_ = false;
    bool traced_ = false;
    bool keep_alive_changed_ : 1 = false;  // in one byte: an idle connection is to stay as small as it is
    bool session_expiry_changed_ : 1 = false;
    bool wants_reasons_ = true;  ///< Request Problem Information
};

}  // namespace millrace::mqtt
