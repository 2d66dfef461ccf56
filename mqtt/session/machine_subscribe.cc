// Machine: SUBSCRIBE and UNSUBSCRIBE (3.8 to 3.11).
#include <algorithm>
#include <unordered_set>

#include "mqtt/codec/decode.h"
#include "mqtt/codec/encode.h"
#include "mqtt/codec/topic.h"
#include "mqtt/session/machine.h"
#include "mqtt/session/refusal_text.h"

namespace millrace::mqtt {

/// False: SUBACK or UNSUBACK would be larger than the client takes, and the connection has ended over it
/// [MQTT-3.1.2-24].
bool Machine::can_answer_with(std::size_t codes) {
    constexpr std::size_t kRestMax = 8;  // type, remaining length, packet identifier, property length
    if (version_ != Version::v5 || codes + kRestMax <= packet_bytes_max_) return true;
    fail(ReasonCode::packet_too_large, "the answer is larger than the client takes");
    return false;
}

/// False: more answers wait for the store than packets that want one may; the client is not read further.
bool Machine::may_answer_later() {
    waiting_ = rare_ && rare_->answers.size() >= context_.limits.receive_maximum;
    return !waiting_;
}

/// In the order of the requests. What the client is told has to be true after a crash.
void Machine::answer(LateAnswer answer) {
    if (host_.keep_subscriptions()) {
        rare().answers.push_back(std::move(answer));
    } else {
        write_answer(answer);
    }
}

void Machine::write_answer(const LateAnswer& answer) {
    if (answer.type == PacketType::suback) return write_suback(answer);
    const Properties properties = reason_of(answer);
    // [MQTT-3.10.4-4] [MQTT-3.10.4-5]
    write([&](ByteBuffer& to) { encode_unsuback(to, answer.packet_id, answer.codes, version_, properties); });
}

void Machine::kept(error_code error) {
    if (session_ == nullptr || !rare_ || rare_->answers.empty()) return;
    if (error) return end(ReasonCode::server_busy, "the subscription could not be stored");
    write_answer(rare_->answers.front());
    rare_->answers.erase(rare_->answers.begin());
}

bool Machine::on_subscribe(const Frame& frame) {
    if (!may_answer_later()) return false;
    const auto packet = decode_subscribe(frame, version_);
    if (!packet) {
        fail(packet.error());
        return true;
    }
    if (!can_answer_with(packet->subscriptions.size())) return true;
    const std::optional<Denials> denials = host_.ask_hooks(*packet);
    if (!denials) {
        waiting_ = true;
        return false;
    }
    Subscribing subscribing{.denials = *denials};
    subscribing.identifier = packet->properties.integer(PropertyId::subscription_identifier).value_or(0);
    const auto replay = read_replay_request(packet->properties, context_.limits.replay_messages);
    if (replay) {
        subscribing.replay = *replay;
        for (const SubscriptionRequest& request : packet->subscriptions) {
            const bool one_too_many = subscribing.codes.size() >= context_.limits.subscriptions;
            subscribing.codes.push_back(one_too_many ? ReasonCode::quota_exceeded
                                                     : subscribe(request, subscribing));
        }
    } else {
        subscribing.codes.assign(packet->subscriptions.size(), replay.error().code);
        subscribing.note = replay.error().why;
    }
    answer(
        {PacketType::suback, packet->packet_id, std::move(subscribing.codes), std::string(subscribing.note)});
    // They may come before a SUBACK that waits (3.8.4).
    send_retained(subscribing.with_retained);
    return true;
}

/// Once for each filter, however often the packet names it: what it says last counts.
void Machine::send_retained(const std::vector<std::string_view>& filters) {
    std::unordered_set<std::string_view> sent;
    for (const std::string_view filter : filters) {
        if (sent.insert(filter).second) host_.send_retained(*session_->find_subscription(filter));
    }
}

/// One for all its codes: of the first that has something to say, unless more is known. Left out where the
/// client has no room for it [MQTT-3.9.2-1] [MQTT-3.11.2-1].
Properties Machine::reason_of(const LateAnswer& answer) {
    const auto refused = std::ranges::find_if(
        answer.codes, [&](ReasonCode code) { return !refusal_text(answer.type, code).empty(); });
    const ReasonCode code = refused == answer.codes.end() ? ReasonCode::success : *refused;
    return reason_of(answer.type, code, answer.note, answer.codes.size());
}

/// [MQTT-3.8.4-1] [MQTT-3.8.4-2]
void Machine::write_suback(const LateAnswer& answer) {
    const Properties properties = reason_of(answer);
    write([&](ByteBuffer& to) { encode_suback(to, answer.packet_id, answer.codes, version_, properties); });
}

/// Takes the filter out of a `$replay/<n>/<filter>`: from then on it is a subscription like any other, and
/// nothing is allowed with it that is not allowed without.
ReasonCode Machine::check_filter(SubscriptionRequest& request, ReplayRequest& replay,
                                 std::string_view& note) {
    const SessionLimits& limits = context_.limits;
    if (check_topic_filter(request.filter, {limits.topic_bytes, limits.topic_levels}) != TopicFault::none) {
        return ReasonCode::topic_filter_invalid;
    }
    const auto with_history = parse_replay(request.filter);
    const char* fault = nullptr;
    if (names_replay(request.filter) && !with_history)
        fault = "a subscription with history is $replay/<n>/<filter>, and is not a shared one";
    if (with_history) {
        replay = {};
        replay.newest = with_history->newest;
        request.filter = with_history->filter;
    }
    if (replay.newest > limits.replay_messages)
        fault = "$replay/<n>/<filter> has an <n> of more than `limits.history_page_messages`";
    else if (replay.wanted() && parse_shared(request.filter))
        fault = "a shared subscription has no history";
    else if (replay.after && has_wildcard(request.filter))
        fault = "the user property `after` needs a filter without wildcards";
    if (fault == nullptr) return ReasonCode::success;
    note = fault;
    return ReasonCode::implementation_specific_error;
}

ReasonCode Machine::ask_for_history(std::string_view filter, const ReplayRequest& replay,
                                    std::string_view& note) {
    switch (host_.on_replay(filter, replay)) {
        case ReplayAnswer::coming:
            break;
        case ReplayAnswer::live_channel:
            note = "the channel is live: nothing of it is stored";
            break;
        case ReplayAnswer::has_position:
            note = "the session is subscribed already and goes on from where it is";
            break;
        case ReplayAnswer::not_authorised:
            return ReasonCode::not_authorized;
        case ReplayAnswer::too_many:
            note = "`limits.session_positions` is reached";
            return ReasonCode::quota_exceeded;
    }
    return ReasonCode::success;
}

ReasonCode Machine::subscribe(SubscriptionRequest request, Subscribing& subscribing) {
    ReplayRequest replay = subscribing.replay;
    const ReasonCode checked = check_filter(request, replay, subscribing.note);
    if (is_error(checked)) return checked;
    if (!host_.may_subscribe(request.filter)) return ReasonCode::not_authorized;
    const auto denial = subscribing.denials.find(request.filter);
    if (denial != subscribing.denials.end()) {
        subscribing.note = denial->second;
        return ReasonCode::not_authorized;
    }
    const bool known = session_->find_subscription(request.filter) != nullptr;
    if (!known && session_->subscriptions().size() >= context_.limits.subscriptions)
        return ReasonCode::quota_exceeded;
    if (replay.wanted()) {
        const ReasonCode asked = ask_for_history(request.filter, replay, subscribing.note);
        if (is_error(asked)) return asked;
    }
    session_->subscribe({std::string(request.filter), subscribing.identifier,
                         static_cast<std::uint8_t>(request.qos), request.no_local,
                         request.retain_as_published});
    host_.on_subscribe(*session_->find_subscription(request.filter));
    if (parse_shared(request.filter)) return static_cast<ReasonCode>(request.qos);  // 4.8.2: none retained
    // [MQTT-3.3.1-9] to [MQTT-3.3.1-11]; 3.x sends them always [MQTT-3.8.4-3].
    if (request.retain_handling == RetainHandling::send ||
        (request.retain_handling == RetainHandling::send_if_new && !known))
        subscribing.with_retained.push_back(request.filter);
    return static_cast<ReasonCode>(request.qos);
}

bool Machine::on_unsubscribe(const Frame& frame) {
    if (!may_answer_later()) return false;
    const auto packet = decode_unsubscribe(frame, version_);
    if (!packet) {
        fail(packet.error());
        return true;
    }
    if (!can_answer_with(packet->filters.size())) return true;
    std::vector<ReasonCode> codes;  // [MQTT-3.11.3-1]
    for (std::string_view filter : packet->filters) {
        if (const auto with_history = parse_replay(filter)) filter = with_history->filter;
        if (session_->unsubscribe(filter)) {
            host_.on_unsubscribe(filter);
            codes.push_back(ReasonCode::success);
        } else {
            codes.push_back(ReasonCode::no_subscription_existed);
        }
    }
    answer({PacketType::unsuback, packet->packet_id, std::move(codes)});
    return true;
}

}  // namespace millrace::mqtt
