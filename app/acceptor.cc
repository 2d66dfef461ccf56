#include "app/acceptor.h"

#include <algorithm>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "core/net/connection.h"
#include "core/net/tls_stream.h"
#include "core/shard.h"

namespace millrace::app {

Placement::Placement(std::vector<Shard*> shards, std::size_t connections_max)
    : shards_(std::move(shards)), given_(shards_.size()), connections_max_(connections_max) {}

Shard* Placement::choose() {
    std::size_t best = 0;
    std::uint64_t fewest = UINT64_MAX;
    std::uint64_t open = 0;
    for (std::size_t i = 0; i < shards_.size(); ++i) {
        const Counters& counters = shards_[i]->counters();
        // What was given but not yet adopted counts as open: a burst must not all go to one shard.
        const std::uint64_t closed = counters.connections_total.value() - counters.connections.value();
        const std::uint64_t load = given_[i] - closed;
        open += load;
        if (load < fewest) {
            fewest = load;
            best = i;
        }
    }
    if (open >= connections_max_) return nullptr;
    ++given_[best];
    return shards_[best];
}

Acceptor::Acceptor(Shard& shard, Entrance& entrance, Options options, TlsContext context, Greeter greeter)
    : shard_(shard),
      entrance_(entrance),
      options_(std::move(options)),
      context_(std::move(context)),
      greeter_(std::move(greeter)),
      listener_(shard, options_.endpoint,
                [this](int descriptor, const Address& peer) { accepted(descriptor, peer); }) {}

void Acceptor::stop() {
    listener_.stop();
    readers_.clear();
}

void Acceptor::accepted(int descriptor, const Address& peer) {
    if (!options_.behind_proxy) return let_in(descriptor, peer, false);
    const bool trusted =
        peer.family == Address::Family::local ||
        std::ranges::any_of(entrance_.proxies, [&](const Network& proxy) { return proxy.contains(peer); });
    if (trusted) return read_header(descriptor, peer);
    refuse(descriptor, peer, &Counters::refused_proxy_untrusted, "it is not in proxy_protocol.trusted");
}

void Acceptor::read_header(int descriptor, const Address& peer) {
    readers_.emplace_back(
        shard_, descriptor, peer,
        [this](proxy::Reader& reader, const proxy::Header& header) { on_header(reader, header); });
    readers_.back().start(entrance_.patience);
}

void Acceptor::on_header(proxy::Reader& reader, const proxy::Header& header) {
    const int descriptor = reader.release();
    if (header.state == proxy::Header::State::complete) {
        let_in(descriptor, header.forwarded ? header.client : reader.proxy(), header.forwarded);
    } else {
        refuse(descriptor, reader.proxy(), &Counters::refused_proxy_header,
               "it sent no valid PROXY header in time");
    }
    // The reader is still at work: it is destroyed in another turn.
    const auto same = [&reader](const proxy::Reader& other) { return &other == &reader; };
    done_.splice(done_.end(), readers_, std::ranges::find_if(readers_, same));
    shard_.post([this] { done_.clear(); });
}

bool Acceptor::admit(const Address& client) {
    Counters& counters = shard_.counters();
    switch (entrance_.admission.admit(client, shard_.timers().now())) {
        case Admission::Verdict::admitted:
            return true;
        case Admission::Verdict::too_many:
            counters.refused_address.add();
            break;
        case Admission::Verdict::too_fast:
            counters.refused_connect_rate.add();
            break;
    }
    return false;
}

void Acceptor::let_in(int descriptor, const Address& client, bool forwarded) {
    if (!admit(client)) {
        ::close(descriptor);
        return;
    }
    Shard* shard = entrance_.placement.choose();
    if (shard == nullptr) {
        entrance_.admission.depart(client);
        shard_.counters().refused_connections.add();
        ::close(descriptor);
        return;
    }
    const bool noted = forwarded || entrance_.admission.counts_open();
    const auto adopt = [this, shard, descriptor, client, noted, context = context_] {
        Connection& connection = shard->connections().adopt(descriptor);
        if (noted) shard->connections().note_address(connection.id(), client);
        connection.set_listener(options_.index);
        if (context)
            connection.secure(std::make_unique<tls::Stream>(*context, shard->buffers(), options_.application,
                                                            options_.client_certificate));
        connection.start(greeter_(connection));
    };
    shard->post(adopt);
}

void Acceptor::refuse(int descriptor, const Address& peer, Counter Counters::*counter, const char* why) {
    (shard_.counters().*counter).add();
    spdlog::info("connection from {} refused: {}", peer.text(), why);
    ::close(descriptor);
}

}  // namespace millrace::app
