// A browser without a browser: the bridge's frames over a plain WebSocket.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "tests/system/support/websocket_client.h"

namespace millrace::system_test {

/// One connection, and the frames that come on it. Belongs to one thread.
class FrameClient {
  public:
    /// The next frame, whatever it is.
    std::optional<boost::json::object> next(const Deadline& deadline);
    /// The next frame of that action; others are skipped.
    std::optional<boost::json::object> next(std::string_view action, Clock::duration patience = kPatience);
    WebSocketClient& socket() { return socket_; }

  protected:
    FrameClient(std::uint16_t port, const std::string& target, std::string_view token)
        : socket_(port, target, token) {}

    WebSocketClient socket_;
};

/// One connection to /rt/<key>.
class BridgeClient : public FrameClient {
  public:
    explicit BridgeClient(std::uint16_t port, std::string_view key = "default", std::string_view token = {});

    bool send(std::string_view action, std::string_view channel, const boost::json::value& payload,
              boost::json::object options = {});
    /// Sends `join` and waits for the acknowledgement; false when it does not come.
    bool join(std::string_view channel, bool history = false, bool presence = false);
    bool message(std::string_view channel, const boost::json::value& payload,
                 boost::json::object options = {}) {
        return send("message", channel, payload, std::move(options));
    }
};

/// One connection to /ws/<key>: the second generation of the protocol.
class SecondClient : public FrameClient {
  public:
    explicit SecondClient(std::uint16_t port, std::string_view token = {}, std::string_view key = "default");

    bool send(std::string_view action, std::string_view channel, boost::json::object more = {});
    /// Sends `join` and waits for the acknowledgement, which it gives.
    std::optional<boost::json::object> join(std::string_view channel, boost::json::object options = {},
                                            bool history = false, bool presence = false);
    bool broadcast(std::string_view channel, std::string_view type, const boost::json::value& payload,
                   boost::json::object options = {});
};

/// `presence_full`'s list of a join that asked for it.
boost::json::array roster(const std::optional<boost::json::object>& presence_full);
/// The value at a path such as "payload.data.text"; null when there is none.
boost::json::value at_path(const std::optional<boost::json::object>& frame, std::string_view path);

}  // namespace millrace::system_test
