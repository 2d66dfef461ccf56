#include "core/net/proxy_reader.h"

#include <array>
#include <cerrno>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "core/shard.h"

namespace millrace::proxy {

Reader::Reader(Shard& shard, int descriptor, const Address& proxy, Done done)
    : shard_(shard), descriptor_(descriptor), proxy_(proxy), done_(std::move(done)) {}

Reader::~Reader() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

void Reader::start(Milliseconds patience) {
    shard_.timers().arm_in(*this, patience);
    if (!shard_.poller().add(descriptor_, *this, EPOLLIN)) finish({.state = Header::State::refused});
}

int Reader::release() {
    return std::exchange(descriptor_, -1);
}

void Reader::on_ready(std::uint32_t) {
    std::array<std::byte, kHeaderBytesMax> space;
    // Looks before it takes: what follows the header is the protocol's.
    const ssize_t size = ::recv(descriptor_, space.data(), space.size(), MSG_PEEK);
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
    Header header{.state = Header::State::refused};
    if (size > 0) {
        const std::size_t before = read_.size();
        read_.append(ByteView(space).first(static_cast<std::size_t>(size)));
        header = parse(read_.view());
        const bool whole = header.state == Header::State::complete;
        const std::size_t ours = (whole ? header.size : read_.size()) - before;
        if (::recv(descriptor_, space.data(), ours, 0) != static_cast<ssize_t>(ours))
            header.state = Header::State::refused;
    }
    if (header.state != Header::State::incomplete) finish(header);
}

void Reader::on_timer(TimePoint) {
    finish({.state = Header::State::refused});
}

void Reader::finish(const Header& header) {
    shard_.timers().cancel(*this);
    shard_.poller().remove(descriptor_);
    done_(*this, header);
}

}  // namespace millrace::proxy
