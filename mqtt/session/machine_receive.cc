// Machine: messages from the client (3.3, and its half of 3.4 to 3.7).
#include <utility>

#include "mqtt/codec/decode.h"
#include "mqtt/codec/encode.h"
#include "mqtt/codec/topic.h"
#include "mqtt/session/machine.h"

namespace millrace::mqtt {
namespace {

/// Whether sending the message again would fail again.
bool can_never_succeed(error_code error) {
    return error == Errc::malformed || error == Errc::too_large || error == Errc::invalid_channel;
}

ReasonCode code_of(PublishAnswer refusal) {
    switch (refusal) {
        case PublishAnswer::not_authorised:
            return ReasonCode::not_authorized;
        case PublishAnswer::invalid_topic:
            return ReasonCode::topic_name_invalid;
        case PublishAnswer::invalid_payload:
            return ReasonCode::payload_format_invalid;
        default:
            return ReasonCode::unspecified_error;
    }
}

}  // namespace

/// A PUBLISH as far as limits.publish_rate lets it in. What is over the limit stays unread.
bool Machine::take_publish(const Frame& frame) {
    if (context_.limits.publish_rate == 0) return on_publish(frame);
    if (!may_publish()) return false;
    if (!on_publish(frame)) return false;
    rare_->publishes.take();
    return true;
}

bool Machine::may_publish() {
    Rare& rare = this->rare();
    const auto rate = static_cast<double>(context_.limits.publish_rate);
    const auto burst = static_cast<double>(context_.limits.publish_burst);
    if (rare.publishes.fill(rate, burst, host_.now())) {
        rare.held = false;
        return true;
    }
    if (!std::exchange(rare.held, true)) context_.counters.publishers_held.add();
    waiting_ = true;
    host_.hold(rare.publishes.until_next(rate));
    return false;
}

bool Machine::on_publish(const Frame& frame) {
    const auto publish = decode_publish(frame, version_, Sender::client);
    if (!publish) {
        fail(publish.error());
        return true;
    }
    std::string_view topic;
    if (!resolve_topic(*publish, topic)) return true;
    if (publish->qos == Qos::at_most_once) return receive_at_most_once({*publish, topic});
    return receive_acknowledged(*publish, topic);
}

/// False: the connection has ended over it.
bool Machine::resolve_topic(const Publish& publish, std::string_view& topic) {
    const SessionLimits& limits = context_.limits;
    topic = publish.topic;
    if (topic.size() > limits.topic_bytes ||
        (topic.size() >= limits.topic_levels &&
         check_topic_name(topic, {limits.topic_bytes, limits.topic_levels}) != TopicFault::none)) {
        fail(ReasonCode::topic_name_invalid, "the topic name is too long");
        return false;
    }
    if (!publish.properties.has(PropertyId::topic_alias)) return true;
    const std::uint32_t alias = *publish.properties.integer(PropertyId::topic_alias);
    if (alias == 0 || alias > limits.topic_alias_maximum) {  // [MQTT-3.3.2-8] [MQTT-3.3.2-9]
        fail(ReasonCode::topic_alias_invalid, "the topic alias is out of range");
        return false;
    }
    std::vector<std::string>& topics = rare().topics;
    if (topics.size() < alias) topics.resize(alias);
    std::string& known = topics[alias - 1];
    if (!topic.empty()) {
        known = topic;
    } else if (known.empty()) {  // 3.3.2.3.4
        fail(ReasonCode::protocol_error, "the topic alias stands for nothing");
        return false;
    }
    topic = known;
    return true;
}

bool Machine::receive_at_most_once(const ReceivedMessage& message) {
    // Of other refusals there is nobody to tell [MQTT-3.3.5-2].
    const PublishAnswer answer = host_.on_publish(message, 0);
    if (answer == PublishAnswer::overloaded) context_.counters.dropped_overloaded.add();
    if (answer == PublishAnswer::invalid_payload) {  // 3.3.2.3.2
        fail(ReasonCode::payload_format_invalid, "the payload is not UTF-8");
    }
    return true;
}

/// False: the PUBLISH has to wait, or the connection has ended over it.
bool Machine::may_receive_more() {
    if (unacknowledged_ + unreleased_ < context_.limits.receive_maximum) return true;
    if (version_ == Version::v5) {  // [MQTT-3.3.4-7]
        fail(ReasonCode::receive_maximum_exceeded, "more messages in flight than Receive Maximum");
        return false;
    }
    // 3.1.1 knows no such limit: what is with the store holds up the reading, what waits for a PUBREL cannot.
    waiting_ = acks_ && acks_->size() >= context_.limits.receive_maximum;
    return !waiting_;
}

bool Machine::receive_acknowledged(const Publish& publish, std::string_view topic) {
    const bool exactly_once = publish.qos == Qos::exactly_once;
    ReceivedPublish* known = exactly_once ? session_->find_received(publish.packet_id) : nullptr;
    if (known != nullptr && known->state == ReceivedPublish::State::pending) return true;
    if (known != nullptr && known->state == ReceivedPublish::State::accepted) {  // [MQTT-4.3.3-10]
        acknowledge({publish.packet_id, PacketType::pubrec, ReasonCode::success, true});
        return true;
    }
    if (!may_receive_more()) return state_ == State::ended;
    if (exactly_once && known == nullptr) known = &session_->add_received(publish.packet_id);
    if (known != nullptr) known->state = ReceivedPublish::State::pending;
    const std::uint32_t sequence = known != nullptr ? known->sequence : 0;
    const std::uint64_t token = acks_ ? acks_->next_token() : 0;
    return take_answer(publish, host_.on_publish({publish, topic, sequence}, token));
}

bool Machine::take_answer(const Publish& publish, PublishAnswer answer) {
    const bool exactly_once = publish.qos == Qos::exactly_once;
    PendingAcks::Ack ack{publish.packet_id, exactly_once ? PacketType::pubrec : PacketType::puback};
    if (answer == PublishAnswer::overloaded && acks_ && !acks_->empty()) {
        if (exactly_once)
            session_->find_received(publish.packet_id)->state = ReceivedPublish::State::uncertain;
        waiting_ = true;
        return false;
    }
    ++(exactly_once ? unreleased_ : unacknowledged_);
    switch (answer) {
        case PublishAnswer::done:
            settle(ack, ReasonCode::success);
            acknowledge(ack);
            break;
        case PublishAnswer::pending:
            acknowledge(ack);
            break;
        case PublishAnswer::not_authorised:
        case PublishAnswer::invalid_topic:
        case PublishAnswer::invalid_payload:
            settle(ack, code_of(answer));
            acknowledge(ack);
            break;
        case PublishAnswer::overloaded:
            end(ReasonCode::server_busy, "too much is waiting for the store");
            break;
        case PublishAnswer::unavailable:
            end(ReasonCode::server_busy, "the store cannot be reached");
            break;
    }
    return true;
}

/// A refused message is acknowledged: 5.0 says why, 3.1.1 has no way to [MQTT-3.3.5-2].
ReasonCode Machine::refusal(ReasonCode code) const {
    return version_ == Version::v5 ? code : ReasonCode::success;
}

/// The publish behind `ack` has ended with `code`.
void Machine::settle(PendingAcks::Ack& ack, ReasonCode code) {
    ack.code = refusal(code);
    ack.ready = true;
    if (ack.type != PacketType::pubrec) return;
    if (is_error(ack.code)) {  // the handshake is over [MQTT-4.3.3-9]
        session_->remove_received(ack.packet_id);
        --unreleased_;
    } else if (ReceivedPublish* received = session_->find_received(ack.packet_id)) {
        received->state = ReceivedPublish::State::accepted;
    }
}

void Machine::acknowledge(PendingAcks::Ack ack) {
    if (ack.ready && (!acks_ || acks_->empty())) return write_ack(ack);
    if (!acks_) acks_ = std::make_unique<PendingAcks>();
    acks_->push(ack);
}

void Machine::write_ack(const PendingAcks::Ack& ack, std::string_view why) {
    if (ack.type == PacketType::puback) --unacknowledged_;
    // [MQTT-3.4.2-2] [MQTT-3.5.2-2]
    const Properties said = is_error(ack.code) ? reason_of(ack.type, ack.code, why) : Properties{};
    write_ack(ack.type, ack.packet_id, ack.code, said);
}

void Machine::published(std::uint64_t token, error_code error, std::string_view why) {
    if (session_ == nullptr || !acks_) return;
    PendingAcks::Ack* ack = acks_->find(token);
    if (ack == nullptr || ack->ready) return;
    if (!error) {
        settle(*ack, ReasonCode::success);
    } else if (error == Errc::not_authorised) {
        settle(*ack, ReasonCode::not_authorized);
        if (!why.empty() && is_error(ack->code)) acks_->explain(token, why);
    } else if (version_ == Version::v5 && can_never_succeed(error)) {
        settle(*ack, ReasonCode::implementation_specific_error);
    } else {
        // An error PUBACK would make the client forget the message: it shall send it again, later. 3.1.1 has
        // no error PUBACK, and a plain one would promise what is not so. DISCONNECT has no "server
        // unavailable" [MQTT-3.14.2-1].
        return end(ReasonCode::server_busy, "the message could not be stored");
    }
    while (!acks_->empty() && acks_->front().ready) {
        write_ack(acks_->front(), acks_->why());
        acks_->pop();
    }
}

void Machine::on_pubrel(const Frame& frame) {
    const auto pubrel = decode_publish_ack(frame, version_, Sender::client);
    if (!pubrel) return fail(pubrel.error());
    const ReceivedPublish* received = session_->find_received(pubrel->packet_id);
    if (received != nullptr && received->state == ReceivedPublish::State::pending) {
        return fail(ReasonCode::protocol_error, "PUBREL before PUBREC");
    }
    const bool known = session_->remove_received(pubrel->packet_id);
    if (known && unreleased_ != 0) --unreleased_;
    // [MQTT-4.3.3-11]; 3.6.2.1: an unknown identifier is no error, the PUBCOMP may have been lost.
    const ReasonCode code = known ? ReasonCode::success : ReasonCode::packet_identifier_not_found;
    write_ack(PacketType::pubcomp, pubrel->packet_id, code, reason_of(PacketType::pubcomp, code));
}

}  // namespace millrace::mqtt
