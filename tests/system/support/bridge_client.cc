#include "tests/system/support/bridge_client.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace millrace::system_test {

BridgeClient::BridgeClient(std::uint16_t port, std::string_view key, std::string_view token)
    : FrameClient(port, "/rt/" + std::string(key), token) {}

bool BridgeClient::send(std::string_view action, std::string_view channel, const boost::json::value& payload,
                        boost::json::object options) {
    options["channel"] = boost::json::string_view(channel);
    const boost::json::object frame{
        {"action", action}, {"options", std::move(options)}, {"payload", payload}};
    return socket_.send_text(boost::json::serialize(frame));
}

bool BridgeClient::join(std::string_view channel, bool history, bool presence) {
    send("join", channel, boost::json::object{{"history", history}, {"presence", presence}});
    return at_path(next("join"), "options.channel") == boost::json::value(boost::json::string_view(channel));
}

SecondClient::SecondClient(std::uint16_t port, std::string_view token, std::string_view key)
    : FrameClient(port, "/ws/" + std::string(key), token) {}

bool SecondClient::send(std::string_view action, std::string_view channel, boost::json::object more) {
    more["action"] = boost::json::string_view(action);
    more["channel"] = boost::json::string_view(channel);
    return socket_.send_text(boost::json::serialize(more));
}

std::optional<boost::json::object> SecondClient::join(std::string_view channel, boost::json::object options,
                                                      bool history, bool presence) {
    const boost::json::object wishes{{"history", history}, {"presence", presence}};
    send("join", channel, {{"options", std::move(options)}, {"payload", wishes}});
    return next("join");
}

bool SecondClient::broadcast(std::string_view channel, std::string_view type,
                             const boost::json::value& payload, boost::json::object options) {
    return send("broadcast", channel,
                {{"type", type}, {"payload", payload}, {"options", std::move(options)}});
}

std::optional<boost::json::object> FrameClient::next(const Deadline& deadline) {
    const std::optional<std::string> text = socket_.read(deadline);
    if (!text) return std::nullopt;
    return boost::json::parse(*text).as_object();
}

std::optional<boost::json::object> FrameClient::next(std::string_view action, Clock::duration patience) {
    const Deadline deadline(patience);
    while (std::optional<boost::json::object> frame = next(deadline)) {
        if (frame->at("action").as_string() == action) return frame;
    }
    return std::nullopt;
}

boost::json::array roster(const std::optional<boost::json::object>& presence_full) {
    const boost::json::value found = at_path(presence_full, "payload.presence");
    return found.is_array() ? found.get_array() : boost::json::array();
}

boost::json::value at_path(const std::optional<boost::json::object>& frame, std::string_view path) {
    if (!frame) return nullptr;
    boost::json::value value = *frame;
    while (!path.empty()) {
        const std::size_t dot = path.find('.');
        const boost::json::object* object = value.if_object();
        const boost::json::value* found =
            object == nullptr ? nullptr : object->if_contains(path.substr(0, dot));
        if (found == nullptr) return nullptr;
        value = boost::json::value(*found);
        path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
    }
    return value;
}

}  // namespace millrace::system_test
