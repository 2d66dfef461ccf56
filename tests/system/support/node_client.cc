#include "tests/system/support/node_client.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <stdexcept>

#include "tests/system/support/server.h"

namespace millrace::system_test {
namespace {

std::vector<std::string> prepend(std::vector<std::string> front, const std::vector<std::string>& back) {
    front.insert(front.end(), back.begin(), back.end());
    return front;
}

}  // namespace

NodeClient::NodeClient(const std::string& script, std::vector<std::string> arguments)
    : process_({.argv = prepend({"node", script}, arguments),
                .directory = source_directory() / "tests/system/node"}) {}

void NodeClient::send(const boost::json::object& command) {
    process_.write(boost::json::serialize(command) + "\n");
}

std::optional<boost::json::object> NodeClient::next(Clock::duration patience) {
    const std::optional<std::string> line = process_.read_line(patience);
    if (!line) return std::nullopt;
    boost::system::error_code error;
    const boost::json::value value = boost::json::parse(*line, error);
    if (value.is_object()) return value.get_object();
    return boost::json::object{{"not_json", *line}};
}

std::optional<boost::json::value> NodeClient::next(std::string_view key, Clock::duration patience) {
    const Deadline deadline(patience);
    while (std::optional<boost::json::object> line = next(std::chrono::milliseconds(deadline.left_ms()))) {
        if (const boost::json::value* found = line->if_contains(key)) return *found;
    }
    return std::nullopt;
}

Chromium::Chromium(const std::string& certificate, const std::string& port)
    : client_("chromium_server.mjs", {"--trust", certificate, "--port", port}) {
    const std::optional<boost::json::value> address = client_.next("browser", kStart);
    if (!address) throw std::runtime_error("Chromium does not start:\n" + client_.process().error_text());
    address_ = address->as_string().c_str();
}

/// It removes its profile when it ends by itself.
Chromium::~Chromium() {
    client_.process().close_input();
    client_.process().wait();
}

SdkClient::SdkClient(int major, const std::string& url, const std::string& channel,
                     std::vector<std::string> more_arguments, const std::string& key)
    : client_("sdk_client.cjs",
              prepend({"--major", std::to_string(major), "--url", url, "--key", key, "--channel", channel},
                      more_arguments)) {}

std::optional<boost::json::object> SdkClient::frame(std::string_view action, Clock::duration patience,
                                                    std::string_view key) {
    const Deadline deadline(patience);
    while (std::optional<boost::json::value> found =
               client_.next(key, std::chrono::milliseconds(deadline.left_ms()))) {
        if (found->at("action").as_string() == action) return found->get_object();
    }
    return std::nullopt;
}

boost::json::array SdkClient::presence() {
    client_.send({{"do", "presence"}});
    const std::optional<boost::json::value> found = client_.next("presence");
    return found ? found->as_array() : boost::json::array();
}

}  // namespace millrace::system_test
