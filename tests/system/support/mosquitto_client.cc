#include "tests/system/support/mosquitto_client.h"

namespace millrace::system_test {
namespace {

std::vector<std::string> with_port(std::vector<std::string> argv, std::uint16_t port,
                                   const std::vector<std::string>& arguments) {
    argv.insert(argv.end(), {"-h", "127.0.0.1", "-p", std::to_string(port)});
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return argv;
}

/// What -d adds to the messages.
bool is_chatter(const std::string& line) {
    return line.starts_with("Client ") || line.starts_with("Subscribed (mid:");
}

}  // namespace

Outcome mosquitto_pub(std::uint16_t port, std::vector<std::string> arguments) {
    return run({.argv = with_port({"mosquitto_pub"}, port, arguments)});
}

MosquittoSub::MosquittoSub(std::uint16_t port, std::vector<std::string> arguments)
    : process_({.argv = with_port({"stdbuf", "-oL", "mosquitto_sub", "-d"}, port, arguments)}) {}

bool MosquittoSub::subscribed() {
    const Deadline deadline(kPatience);
    for (;;) {
        const std::optional<std::string> line =
            process_.read_line(std::chrono::milliseconds(deadline.left_ms()));
        if (!line || line->starts_with("Subscribed (mid:")) return line.has_value();
        // What its session has kept comes before the SUBACK.
        if (!is_chatter(*line)) early_.push_back(*line);
    }
}

std::optional<std::string> MosquittoSub::next(Clock::duration patience) {
    if (!early_.empty()) {
        std::string first = std::move(early_.front());
        early_.pop_front();
        return first;
    }
    const Deadline deadline(patience);
    std::optional<std::string> line;
    do {
        line = process_.read_line(std::chrono::milliseconds(deadline.left_ms()));
    } while (line && is_chatter(*line));
    return line;
}

}  // namespace millrace::system_test
