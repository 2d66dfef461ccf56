// A real MQTT client: Paho C, by its own asynchronous interface.
#pragma once

#include <MQTTAsync.h>
#include <deque>
#include <optional>
#include <string>

#include "core/guarded.h"
#include "tests/system/support/wait.h"

namespace millrace::system_test {

/// One client, connected while it lives. Used by one thread; the library calls back on threads of its own.
class PahoCClient {
  public:
    /// `level` 4 is MQTT 3.1.1, 5 is 5.0. With `clean` false the session outlives the connection.
    PahoCClient(std::uint16_t port, int level, const std::string& client_id, bool clean = true);
    ~PahoCClient();
    PahoCClient(const PahoCClient&) = delete;
    PahoCClient& operator=(const PahoCClient&) = delete;

    /// Waits for the SUBACK; throws when it does not come or refuses.
    void subscribe(const std::string& filter, int qos);
    /// Waits for the last acknowledgement of its QoS; false when it does not come.
    bool publish(const std::string& topic, const std::string& payload, int qos, bool retain);
    /// The next payload; nothing when none comes in time.
    std::optional<std::string> next(Clock::duration patience = kPatience);

  private:
    struct Heard {
        std::deque<std::string> messages;
        std::optional<bool> answer;  ///< of the request under way: whether it succeeded
    };
    static int on_message(void* self, char* topic, int topic_size, MQTTAsync_message* message);
    static void on_success(void* self, MQTTAsync_successData*);
    static void on_failure(void* self, MQTTAsync_failureData*);
    static void on_success5(void* self, MQTTAsync_successData5*);
    static void on_failure5(void* self, MQTTAsync_failureData5*);

    void answer(bool succeeded);
    void connect(bool clean);
    MQTTAsync_responseOptions response_options();
    /// Whether what was begun with `code` succeeds in time.
    bool succeeds(int code);

    MQTTAsync client_ = nullptr;
    int level_;
    Guarded<Heard> heard_;
};

}  // namespace millrace::system_test
