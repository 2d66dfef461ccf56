#include "tests/system/support/paho_client.h"

namespace millrace::system_test {
namespace {

constexpr std::chrono::milliseconds kAnswerTime = 10s;

mqtt::connect_options options_for(int level, bool clean) {
    mqtt::connect_options options;
    options.set_mqtt_version(level);
    if (level != MQTTVERSION_5) {
        options.set_clean_session(clean);
        return options;
    }
    options.set_clean_start(clean);
    if (!clean) {
        mqtt::properties properties;
        properties.add({mqtt::property::SESSION_EXPIRY_INTERVAL, 3600});
        options.set_properties(properties);
    }
    return options;
}

}  // namespace

PahoClient::PahoClient(std::uint16_t port, int level, const std::string& client_id, bool clean)
    : client_("tcp://127.0.0.1:" + std::to_string(port), client_id, mqtt::create_options(level)) {
    client_.start_consuming();
    const mqtt::token_ptr token = client_.connect(options_for(level, clean));
    if (!token->wait_for(kAnswerTime)) throw std::runtime_error("Paho cannot connect");
    session_present_ = token->get_connect_response().is_session_present();
}

PahoClient::~PahoClient() {
    try {
        disconnect();
    } catch (const mqtt::exception&) {
        // The server is gone already, which some tests want.
    }
}

void PahoClient::subscribe(const std::string& filter, int qos) {
    const mqtt::token_ptr token = client_.subscribe(filter, qos);
    if (!token->wait_for(kAnswerTime)) throw std::runtime_error("no SUBACK for " + filter);
}

bool PahoClient::publish(const std::string& topic, const std::string& payload, int qos, bool retain) {
    return client_.publish(topic, payload, qos, retain)->wait_for(kAnswerTime);
}

mqtt::const_message_ptr PahoClient::next(Clock::duration patience) {
    mqtt::const_message_ptr message;
    client_.try_consume_message_for(&message, patience);
    return message;
}

void PahoClient::disconnect() {
    if (client_.is_connected()) client_.disconnect()->wait_for(kAnswerTime);
}

std::string user_property(const mqtt::message& message, const std::string& name) {
    const mqtt::properties& properties = message.get_properties();
    for (std::size_t i = 0; i < properties.count(mqtt::property::USER_PROPERTY); ++i) {
        const auto [key, value] = mqtt::get<mqtt::string_pair>(properties, mqtt::property::USER_PROPERTY, i);
        if (key == name) return value;
    }
    return {};
}

}  // namespace millrace::system_test
