// What the configuration says of the ways in, in the words of the acceptor.
#pragma once

#include <memory>
#include <vector>

#include "app/acceptor.h"
#include "config/config.h"

namespace millrace::app {

std::unique_ptr<Entrance> make_entrance(const config::Config& config, std::vector<Shard*> shards);

/// Of the listener at that place.
Acceptor::Options acceptor_options(const std::vector<config::Listener>& listeners, std::size_t index);

/// Reads the files of `tls`; nullptr when no listener needs them. Throws std::runtime_error.
Acceptor::TlsContext load_certificates(const config::Config& config);

/// Before the shards run: `admission`, of the first, hears of every connection that ends.
void tell_departures(const std::vector<Shard*>& shards, Admission& admission);

}  // namespace millrace::app
