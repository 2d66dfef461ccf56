// A reader of Server-Sent Events.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tests/system/support/tcp_socket.h"

namespace millrace::system_test {

struct StreamEvent {
    std::string id;
    std::string name;
    std::string data;
};

/// One GET whose answer does not end. Belongs to one thread.
class EventStreamClient {
  public:
    /// `headers`: whole lines.
    EventStreamClient(std::uint16_t port, const std::string& target, const std::string& headers = {});

    /// Waits until the answer has begun: from then on nothing passes by.
    bool begin(const Deadline& deadline);
    /// The next event, comments and empty ones too. Nothing: the deadline passed or the stream has ended.
    std::optional<StreamEvent> next(const Deadline& deadline);

  private:
    /// Everything up to `mark`, which is taken too.
    std::optional<std::string> take_to(std::string_view mark, const Deadline& deadline);

    TcpSocket socket_;
    bool in_body_ = false;
};

}  // namespace millrace::system_test
