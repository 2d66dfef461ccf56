#include "mqtt/broker/attendance.h"

#include <optional>
#include <utility>

namespace millrace::mqtt {

std::vector<MqttMember> Attendance::list(std::string_view channel) const {
    std::vector<MqttMember> members;
    index_.for_each_subscriber(channel, [&](const Subscriber& subscriber) {
        if (std::optional<MqttMember> member = subscriber.mqtt_member())
            members.push_back(std::move(*member));
    });
    return members;
}

std::vector<MqttMember> Attendance::watch(std::string_view channel) {
    watched_.emplace(channel);
    return list(channel);
}

void Attendance::unwatch(std::string_view channel) {
    if (const auto found = watched_.find(channel); found != watched_.end()) watched_.erase(found);
}

void Attendance::entered(std::string_view filter, const Subscriber& client) {
    if (presence_ == nullptr || !watched_.contains(filter)) return;
    if (std::optional<MqttMember> member = client.mqtt_member())
        presence_->mqtt_entered(filter, std::move(*member));
}

void Attendance::left(std::string_view filter, std::string_view client_id, Leaving leaving) {
    if (presence_ == nullptr || !watched_.contains(filter)) return;
    presence_->mqtt_left(filter, client_id, leaving);
}

}  // namespace millrace::mqtt
