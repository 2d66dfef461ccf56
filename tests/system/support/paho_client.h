// A real MQTT client: Paho C++.
#pragma once

#include <mqtt/async_client.h>
#include <string>

#include "tests/system/support/wait.h"

namespace millrace::system_test {

/// One Paho client, connected while it lives. Belongs to one thread.
class PahoClient {
  public:
    /// `level` 4 is MQTT 3.1.1, 5 is 5.0. With `clean` false the session outlives the connection.
    PahoClient(std::uint16_t port, int level, const std::string& client_id, bool clean = true);
    ~PahoClient();

    /// Waits for the SUBACK; throws when it refuses.
    void subscribe(const std::string& filter, int qos);
    /// Waits for the last acknowledgement of its QoS; false when it does not come.
    bool publish(const std::string& topic, const std::string& payload, int qos, bool retain = false);
    /// The next message; null when none comes in time.
    mqtt::const_message_ptr next(Clock::duration patience = kPatience);
    bool connected() const { return client_.is_connected(); }
    /// Whether the broker had a session for this client id.
    bool session_present() const { return session_present_; }
    void disconnect();

  private:
    mqtt::async_client client_;
    bool session_present_ = false;
};

/// The value of the message's user property of that name; empty when it has none.
std::string user_property(const mqtt::message& message, const std::string& name);

}  // namespace millrace::system_test
