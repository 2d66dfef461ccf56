#include "tests/system/support/paho_c_client.h"

#include <stdexcept>

namespace millrace::system_test {
namespace {

constexpr std::chrono::milliseconds kAnswerTime = 10s;

PahoCClient& self_of(void* context) {
    return *static_cast<PahoCClient*>(context);
}

}  // namespace

PahoCClient::PahoCClient(std::uint16_t port, int level, const std::string& client_id, bool clean)
    : level_(level) {
    const std::string url = "tcp://127.0.0.1:" + std::to_string(port);
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer;
    options.MQTTVersion = level;
    if (MQTTAsync_createWithOptions(&client_, url.c_str(), client_id.c_str(), MQTTCLIENT_PERSISTENCE_NONE,
                                    nullptr, &options) != MQTTASYNC_SUCCESS ||
        MQTTAsync_setCallbacks(client_, this, nullptr, on_message, nullptr) != MQTTASYNC_SUCCESS) {
        throw std::runtime_error("Paho C makes no client");
    }
    connect(clean);
}

PahoCClient::~PahoCClient() {
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer;
    if (level_ == MQTTVERSION_5) options = MQTTAsync_disconnectOptions_initializer5;
    options.context = this;
    options.onSuccess = level_ == MQTTVERSION_5 ? nullptr : on_success;
    options.onSuccess5 = level_ == MQTTVERSION_5 ? on_success5 : nullptr;
    if (MQTTAsync_isConnected(client_) != 0) succeeds(MQTTAsync_disconnect(client_, &options));
    MQTTAsync_destroy(&client_);
}

void PahoCClient::connect(bool clean) {
    const bool version_5 = level_ == MQTTVERSION_5;
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer;
    if (version_5) options = MQTTAsync_connectOptions_initializer5;
    options.MQTTVersion = level_;
    options.context = this;
    options.onSuccess = version_5 ? nullptr : on_success;
    options.onFailure = version_5 ? nullptr : on_failure;
    options.onSuccess5 = version_5 ? on_success5 : nullptr;
    options.onFailure5 = version_5 ? on_failure5 : nullptr;
    (version_5 ? options.cleanstart : options.cleansession) = clean ? 1 : 0;
    MQTTProperties properties = MQTTProperties_initializer;
    if (version_5 && !clean) {
        MQTTProperty expiry{};
        expiry.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL;
        expiry.value.integer4 = 3600;
        MQTTProperties_add(&properties, &expiry);
        options.connectProperties = &properties;
    }
    const bool connected = succeeds(MQTTAsync_connect(client_, &options));
    MQTTProperties_free(&properties);
    if (!connected) throw std::runtime_error("Paho C cannot connect");
}

MQTTAsync_responseOptions PahoCClient::response_options() {
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    options.context = this;
    const bool version_5 = level_ == MQTTVERSION_5;
    options.onSuccess = version_5 ? nullptr : on_success;
    options.onFailure = version_5 ? nullptr : on_failure;
    options.onSuccess5 = version_5 ? on_success5 : nullptr;
    options.onFailure5 = version_5 ? on_failure5 : nullptr;
    return options;
}

void PahoCClient::subscribe(const std::string& filter, int qos) {
    MQTTAsync_responseOptions options = response_options();
    if (!succeeds(MQTTAsync_subscribe(client_, filter.c_str(), qos, &options)))
        throw std::runtime_error("Paho C gets no SUBACK for " + filter);
}

bool PahoCClient::publish(const std::string& topic, const std::string& payload, int qos, bool retain) {
    MQTTAsync_responseOptions options = response_options();
    return succeeds(MQTTAsync_send(client_, topic.c_str(), static_cast<int>(payload.size()), payload.data(),
                                   qos, retain ? 1 : 0, &options));
}

std::optional<std::string> PahoCClient::next(Clock::duration patience) {
    auto heard = heard_.lock();
    const auto longest = std::chrono::duration_cast<std::chrono::milliseconds>(patience);
    if (!heard.wait_for(longest, [](const Heard& so_far) { return !so_far.messages.empty(); }))
        return std::nullopt;
    std::string first = std::move(heard->messages.front());
    heard->messages.pop_front();
    return first;
}

bool PahoCClient::succeeds(int code) {
    auto heard = heard_.lock();
    const bool answered = code == MQTTASYNC_SUCCESS && heard.wait_for(kAnswerTime, [](const Heard& so_far) {
        return so_far.answer.has_value();
    });
    const bool succeeded = answered && *heard->answer;
    heard->answer.reset();
    return succeeded;
}

void PahoCClient::answer(bool succeeded) {
    heard_.lock()->answer = succeeded;
    heard_.notify_all();
}

int PahoCClient::on_message(void* self, char* topic, int, MQTTAsync_message* message) {
    PahoCClient& client = self_of(self);
    client.heard_.lock()->messages.emplace_back(static_cast<const char*>(message->payload),
                                                static_cast<std::size_t>(message->payloadlen));
    client.heard_.notify_all();
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

void PahoCClient::on_success(void* self, MQTTAsync_successData*) {
    self_of(self).answer(true);
}
void PahoCClient::on_failure(void* self, MQTTAsync_failureData*) {
    self_of(self).answer(false);
}
void PahoCClient::on_success5(void* self, MQTTAsync_successData5*) {
    self_of(self).answer(true);
}
void PahoCClient::on_failure5(void* self, MQTTAsync_failureData5*) {
    self_of(self).answer(false);
}

}  // namespace millrace::system_test
