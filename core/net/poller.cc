#include "core/net/poller.h"

#include <cerrno>
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

std::span<const epoll_event> Poller::wait(Milliseconds longest) {
    const int ready = ::epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()),
                                   static_cast<int>(longest.count()));
    return {events_.data(), ready > 0 ? static_cast<std::size_t>(ready) : 0};
}

void Poller::serve(std::span<const epoll_event> ready) {
    for (const epoll_event& event : ready) static_cast<PollHandler*>(event.data.ptr)->on_ready(event.events);
}

}  // namespace millrace
