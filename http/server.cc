#include "http/server.h"

#include <cstdio>
#include <random>

#include "http/session.h"

namespace millrace::http {
namespace {

std::string random_prefix() {
    std::random_device source;
    char text[20];
    const int size = std::snprintf(text, sizeof text, "%08x%08x-", source(), source());
    return {text, static_cast<std::size_t>(size)};
}

}  // namespace

Server::Server(mqtt::Broker& broker, UpgradeHandler* upgrades)
    : broker_(broker), upgrades_(upgrades), id_prefix_(random_prefix()) {}

std::unique_ptr<Protocol> Server::make_session(Connection& connection) {
    return std::make_unique<Session>(*this, connection);
}

ByteBuffer& Server::scratch() {
    constexpr std::size_t kKeep = std::size_t{1} << 20;
    if (scratch_.capacity() > kKeep) scratch_.release();
    scratch_.clear();
    return scratch_;
}

std::string Server::make_id() {
    return id_prefix_ + std::to_string(next_id_++);
}

}  // namespace millrace::http
