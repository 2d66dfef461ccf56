#include "tests/system/support/event_stream.h"

namespace millrace::system_test {
namespace {

std::string field(std::string_view event, std::string_view name) {
    const std::size_t at = event.find(name);
    if (at == std::string_view::npos) return {};
    const std::size_t begin = at + name.size();
    return std::string(event.substr(begin, event.find('\n', begin) - begin));
}

}  // namespace

EventStreamClient::EventStreamClient(std::uint16_t port, const std::string& target,
                                     const std::string& headers)
    : socket_(port) {
    socket_.send("GET " + target + " HTTP/1.1\r\nHost: here\r\n" + headers + "\r\n");
}

std::optional<std::string> EventStreamClient::take_to(std::string_view mark, const Deadline& deadline) {
    std::size_t end = 0;
    while ((end = socket_.received().find(mark)) == std::string_view::npos) {
        if (!socket_.receive(deadline)) return std::nullopt;
    }
    std::string text(socket_.received().substr(0, end));
    socket_.take(end + mark.size());
    return text;
}

bool EventStreamClient::begin(const Deadline& deadline) {
    if (!in_body_) in_body_ = take_to("\r\n\r\n", deadline).has_value();
    return in_body_;
}

std::optional<StreamEvent> EventStreamClient::next(const Deadline& deadline) {
    if (!begin(deadline)) return std::nullopt;
    const std::optional<std::string> event = take_to("\n\n", deadline);
    if (!event) return std::nullopt;
    return StreamEvent{field(*event, "id: "), field(*event, "event: "), field(*event, "data: ")};
}

}  // namespace millrace::system_test
