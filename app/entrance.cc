#include "app/entrance.h"

#include <algorithm>
#include <charconv>

#include "config/values.h"
#include "core/net/connection.h"
#include "core/shard.h"

namespace millrace::app {
namespace {

using config::Listener;
using config::Scheme;

tls::ClientCertificate wanted_of(config::ClientCertificate wanted) {
    switch (wanted) {
        case config::ClientCertificate::none:
            return tls::ClientCertificate::none;
        case config::ClientCertificate::optional:
            return tls::ClientCertificate::optional;
        case config::ClientCertificate::required:
            break;
    }
    return tls::ClientCertificate::required;
}

unsigned mode_of(const std::string& octal) {
    unsigned mode = 0;
    std::from_chars(octal.data(), octal.data() + octal.size(), mode, 8);
    return mode;
}

/// "::" takes the port's IPv4 side, too, unless somebody else is to have it.
bool only_ipv6(const std::vector<Listener>& listeners, const Listener& listener) {
    return listener.host == "::" && std::ranges::any_of(listeners, [&](const Listener& other) {
               return other.port == listener.port && config::is_ipv4(other.host);
           });
}

}  // namespace

std::unique_ptr<Entrance> make_entrance(const config::Config& config, std::vector<Shard*> shards) {
    const config::Limits& limits = config.limits;
    const Admission::Limits of_one{.connections = limits.connections_per_address,
                                   .per_second = limits.connect_rate};
    auto entrance = std::make_unique<Entrance>(Entrance{
        Placement(std::move(shards), limits.connections), Admission(of_one), {}, limits.connect_timeout});
    for (const std::string& text : config.proxy_protocol.trusted) {
        if (const auto network = Network::parse(text)) entrance->proxies.push_back(*network);
    }
    return entrance;
}

Acceptor::Options acceptor_options(const std::vector<Listener>& listeners, std::size_t index) {
    const Listener& listener = listeners[index];
    return {.endpoint = {.host = listener.host,
                         .port = listener.port,
                         .only_ipv6 = only_ipv6(listeners, listener),
                         .path = listener.path,
                         .mode = mode_of(listener.mode)},
            .index = static_cast<std::uint16_t>(index),
            .behind_proxy = listener.proxy_protocol,
            .application = listener.scheme == Scheme::mqtts ? "mqtt" : "http/1.1",
            .client_certificate = wanted_of(listener.client_certificate)};
}

Acceptor::TlsContext load_certificates(const config::Config& config) {
    if (std::ranges::none_of(config.listeners, &Listener::is_secure)) return nullptr;
    return std::make_shared<const tls::Context>(
        tls::Files{config.tls.certificate, config.tls.private_key, config.tls.client_ca});
}

void tell_departures(const std::vector<Shard*>& shards, Admission& admission) {
    Shard* const accepting = shards.front();
    for (Shard* shard : shards) {
        shard->connections().at_departure([accepting, &admission](const Address& address) {
            accepting->post([&admission, address] { admission.depart(address); });
        });
    }
}

}  // namespace millrace::app
