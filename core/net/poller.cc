#include "core/net/poller.h"

#include <array>
#include <cerrno>
#include <sys/epoll.h>
#include <system_error>
#include <unistd.h>

namespace millrace {

Poller::Poller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
}

Poller::~Poller() {
    ::close(epoll_);
}

bool Poller::add(int descriptor, PollHandler& handler, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &handler;
    return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void Poller::modify(int descriptor, PollHandler& handler, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &handler;
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, descriptor, &event);
}

void Poller::remove(int descriptor) {
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
}

int Poller::poll() {
    std::array<epoll_event, 256> events;
    const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < ready; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        static_cast<PollHandler*>(event.data.ptr)->on_ready(event.events);
    }
    return ready > 0 ? ready : 0;
}

}  // namespace millrace
