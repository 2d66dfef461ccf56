// Machine: SUBSCRIBE and UNSUBSCRIBE (3.8 to 3.11).
#include "mqtt/codec/decode.h"
#include "mqtt/codec/encode.h"
#include "mqtt/codec/topic.h"
#include "mqtt/session/machine.h"

namespace millrace::mqtt {

/// False: SUBACK or UNSUBACK would be larger than the client takes, and the connection has ended over it
/// [MQTT-3.1.2-24].
bool Machine::can_answer_with(std::size_t codes) {
    constexpr std::size_t kRestMax = 8;  // type, remaining length, packet identifier, property length
    if (version_ != Version::v5 || codes + kRestMax <= packet_bytes_max_) return true;
    fail(ReasonCode::packet_too_large, "the answer is larger than the client takes");
    return false;
}

void Machine::on_subscribe(const Frame& frame) {
    const auto packet = decode_subscribe(frame, version_);
    if (!packet) return fail(packet.error());
    if (!can_answer_with(packet->subscriptions.size())) return;
    const std::uint32_t identifier =
        packet->properties.integer(PropertyId::subscription_identifier).value_or(0);
    std::vector<ReasonCode> codes;  // one per filter, in their order [MQTT-3.8.4-6]
    std::vector<std::string_view> with_retained;
    for (const SubscriptionRequest& request : packet->subscriptions) {
        bool wants_retained = false;
        codes.push_back(subscribe(request, identifier, wants_retained));
        if (wants_retained) with_retained.push_back(request.filter);
    }
    encode_suback(out_.tail(), packet->packet_id, codes, version_);  // [MQTT-3.8.4-1] [MQTT-3.8.4-2]
    for (const std::string_view filter : with_retained)
        host_.send_retained(*session_->find_subscription(filter));
}

ReasonCode Machine::subscribe(const SubscriptionRequest& request, std::uint32_t identifier,
                              bool& wants_retained) {
    const SessionLimits& limits = context_.limits;
    if (check_topic_filter(request.filter, {limits.topic_bytes, limits.topic_levels}) != TopicFault::none) {
        return ReasonCode::topic_filter_invalid;
    }
    if (!host_.may_subscribe(request.filter)) return ReasonCode::not_authorized;
    const bool known = session_->find_subscription(request.filter) != nullptr;
    if (!known && session_->subscriptions().size() >= limits.subscriptions) return ReasonCode::quota_exceeded;
    Subscription subscription{std::string(request.filter), identifier, static_cast<std::uint8_t>(request.qos),
                              request.no_local, request.retain_as_published};
    session_->subscribe(std::move(subscription));
    host_.on_subscribe(*session_->find_subscription(request.filter));
    if (parse_shared(request.filter)) return static_cast<ReasonCode>(request.qos);  // 4.8.2: none retained
    // [MQTT-3.3.1-9] to [MQTT-3.3.1-11]; 3.x sends them always [MQTT-3.8.4-3].
    wants_retained = request.retain_handling == RetainHandling::send ||
                     (request.retain_handling == RetainHandling::send_if_new && !known);
    return static_cast<ReasonCode>(request.qos);
}

void Machine::on_unsubscribe(const Frame& frame) {
    const auto packet = decode_unsubscribe(frame, version_);
    if (!packet) return fail(packet.error());
    if (!can_answer_with(packet->filters.size())) return;
    std::vector<ReasonCode> codes;  // [MQTT-3.11.3-1]
    for (const std::string_view filter : packet->filters) {
        if (session_->unsubscribe(filter)) {
            host_.on_unsubscribe(filter);
            codes.push_back(ReasonCode::success);
        } else {
            codes.push_back(ReasonCode::no_subscription_existed);
        }
    }
    encode_unsuback(out_.tail(), packet->packet_id, codes, version_);  // [MQTT-3.10.4-4] [MQTT-3.10.4-5]
}

}  // namespace millrace::mqtt
