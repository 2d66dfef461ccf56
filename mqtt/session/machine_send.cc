// Machine: messages to the client (3.3, and its half of 3.4 to 3.7).
#include <algorithm>

#include "mqtt/codec/decode.h"
#include "mqtt/codec/encode.h"
#include "mqtt/session/machine.h"

namespace millrace::mqtt {

void Machine::deliver(const MessagePtr& message, const Terms& terms) {
    if (const DropReason reason = offer(message, terms)) (context_.counters.*reason).add();
}

Machine::DropReason Machine::offer(const MessagePtr& message, const Terms& terms) {
    if (terms.qos == 0) {
        // A stored channel keeps its order across all of QoS.
        const Outbound* outbound = message->seq() == 0 ? nullptr : session_->find_outbound();
        if (outbound == nullptr || outbound->nothing_waits()) {
            if (backlog() > context_.limits.outbox_bytes) return &Counters::dropped_outbox_full;
            write_publish(message, {0, terms.retain, false, 0, terms.identifiers, terms.reset_to});
            return nullptr;
        }
    }
    Outbound& outbound = session_->outbound();
    QueuedMessage item = to_queued(message, terms);
    if (outbound.nothing_waits() && outbound.unacknowledged < window_ &&
        backlog() <= context_.limits.outbox_bytes) {
        start(outbound, std::move(item));
        return nullptr;
    }
    return session_->queue(std::move(item), context_);
}

bool Machine::has_room(std::size_t bytes) const {
    if (session_ == nullptr || backlog() > bytes) return false;
    const Outbound* outbound = session_->find_outbound();
    return outbound == nullptr || (outbound->nothing_waits() && outbound->unacknowledged < window_);
}

bool Machine::has_expired(const Message& message, std::uint32_t& remaining_s) const {
    remaining_s = 0;
    if (!message.expiry_s()) return false;
    const std::int64_t age_s = std::max<std::int64_t>(0, host_.wall_clock_us() - message.at_us()) / 1'000'000;
    // One that lasts for no time at all has not been kept anywhere: it is under way to us since it came in.
    if (message.is_for_now_only()) return age_s != 0;
    if (age_s >= *message.expiry_s()) return true;
    remaining_s = *message.expiry_s() - static_cast<std::uint32_t>(age_s);
    return false;
}

/// False: the message is larger than the client takes.
bool Machine::append_publish(const MessagePtr& message, const Delivery& delivery, std::uint32_t remaining_s) {
    if (alias_maximum_ != 0 && append_by_alias(message, delivery, remaining_s)) return true;
    return context_.frames.append(out_, message, delivery, version_, remaining_s, packet_bytes_max_);
}

/// False: its topic has no alias and gets none.
bool Machine::append_by_alias(const MessagePtr& message, Delivery delivery, std::uint32_t remaining_s) {
    TopicAliases& aliases = rare().aliases;
    delivery.topic = aliases.form_of(message->channel(), alias_maximum_);
    if (delivery.topic.alias == 0) return false;
    if (!context_.frames.append(out_, message, delivery, version_, remaining_s, packet_bytes_max_))
        return false;
    if (!delivery.topic.known) aliases.define(message->channel(), delivery.topic.alias);
    return true;
}

/// False: the message is not for this client any more, and that was counted.
bool Machine::write_publish(const MessagePtr& message, const Delivery& delivery) {
    std::uint32_t remaining_s = 0;
    if (has_expired(*message, remaining_s)) {
        if (!delivery.dup) {  // [MQTT-3.3.2-5]
            context_.counters.dropped_expired.add();
            return false;
        }
        // [MQTT-4.3.3-7]: sent before, so it goes on
        remaining_s = message->is_for_now_only() ? 0 : 1;
    }
    if (!append_publish(message, delivery, remaining_s)) {
        context_.counters.dropped_too_large.add();  // [MQTT-3.1.2-25]
        return false;
    }
    context_.counters.messages_out.add();
    if (traced_) tell_sent(*message, delivery);
    return true;
}

/// As the client sees it, but for its properties.
void Machine::tell_sent(const Message& message, const Delivery& delivery) {
    OutgoingPublish publish;
    publish.topic = message.channel();
    publish.payload = message.payload();
    publish.qos = static_cast<Qos>(delivery.qos);
    publish.packet_id = delivery.packet_id;
    publish.retain = delivery.retain;
    publish.dup = delivery.dup;
    context_.scratch.clear();
    encode_publish(context_.scratch, publish, version_);
    tell_sent(context_.scratch.view());
}

/// Sends a message that is not in the window yet; its turn has come and there is room.
void Machine::start(Outbound& outbound, QueuedMessage item) {
    if (item.qos == 0) {
        write_publish(item.message,
                      {0, item.retain, false, 0, identifiers_of(item.extras), reset_of(item.extras)});
        return;
    }
    Window::Slot& slot = outbound.window.add(std::move(item));
    if (write_publish(slot.message, {slot.qos, slot.retain != 0, false, slot.packet_id,
                                     identifiers_of(slot.extras), reset_of(slot.extras)})) {
        slot.sent = 1;
        ++outbound.unacknowledged;
    } else {
        outbound.window.remove(slot);
    }
}

/// Sends what waits, as far as the client's window and its reading allow.
void Machine::pump() {
    Outbound* outbound = session_->find_outbound();
    if (outbound == nullptr) return;
    while (!outbound->nothing_waits() && backlog() <= context_.limits.outbox_bytes) {
        if (outbound->resent < outbound->resend.size()) {
            if (!resend_next(*outbound)) return;
        } else {
            if (outbound->queue.front().qos != 0 && outbound->unacknowledged >= window_) return;
            start(*outbound, session_->unqueue(context_.counters));
        }
    }
}

/// False: the window is full.
bool Machine::resend_next(Outbound& outbound) {
    Window::Slot* slot = outbound.window.find(outbound.resend[outbound.resent]);
    if (slot != nullptr && slot->state == Window::State::released) {
        // It is not over before its PUBCOMP (4.9), and has its packet id until then.
        slot->sent = 1;
        ++outbound.unacknowledged;
        write_ack(PacketType::pubrel, slot->packet_id, ReasonCode::success);
    } else if (slot != nullptr) {
        if (outbound.unacknowledged >= window_) return false;
        // [MQTT-3.3.1-1]
        const Delivery again{slot->qos,
                             slot->retain != 0,
                             true,
                             slot->packet_id,
                             identifiers_of(slot->extras),
                             reset_of(slot->extras)};
        if (write_publish(slot->message, again)) {
            slot->sent = 1;
            ++outbound.unacknowledged;
        } else {
            outbound.window.remove(*slot);
        }
    }
    if (++outbound.resent == outbound.resend.size()) {
        outbound.resend = {};
        outbound.resent = 0;
    }
    return true;
}

void Machine::finish(Window::Slot& slot) {
    Outbound& outbound = session_->outbound();
    if (slot.sent != 0) --outbound.unacknowledged;
    outbound.window.remove(slot);
    pump();
}

namespace {

/// The slot an acknowledgement is about, if it fits what was sent.
Window::Slot* slot_of(Session& session, std::uint16_t packet_id, std::uint8_t qos) {
    Outbound* outbound = session.find_outbound();
    Window::Slot* slot = outbound == nullptr ? nullptr : outbound->window.find(packet_id);
    return slot != nullptr && slot->qos == qos ? slot : nullptr;
}

}  // namespace

void Machine::on_puback(const Frame& frame) {
    const auto ack = decode_publish_ack(frame, version_, Sender::client);
    if (!ack) return fail(ack.error());
    if (Window::Slot* slot = slot_of(*session_, ack->packet_id, 1)) finish(*slot);
}

void Machine::on_pubrec(const Frame& frame) {
    const auto ack = decode_publish_ack(frame, version_, Sender::client);
    if (!ack) return fail(ack.error());
    Window::Slot* slot = slot_of(*session_, ack->packet_id, 2);
    if (slot != nullptr && is_error(ack->code)) return finish(*slot);  // 4.3.3: that ends the handshake
    if (slot != nullptr && slot->state == Window::State::published) {
        slot->state = Window::State::released;
        slot->message.reset();
        slot->extras.reset();
    }
    // [MQTT-4.3.3-4]; an unknown identifier is answered too, so that the client can let go of it.
    const ReasonCode code = slot != nullptr ? ReasonCode::success : ReasonCode::packet_identifier_not_found;
    write_ack(PacketType::pubrel, ack->packet_id, code, reason_of(PacketType::pubrel, code));
}

void Machine::on_pubcomp(const Frame& frame) {
    const auto ack = decode_publish_ack(frame, version_, Sender::client);
    if (!ack) return fail(ack.error());
    Window::Slot* slot = slot_of(*session_, ack->packet_id, 2);
    if (slot != nullptr && slot->state == Window::State::released) finish(*slot);
}

}  // namespace millrace::mqtt
