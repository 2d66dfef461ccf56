#include "app/acceptor.h"

#include <unistd.h>

#include "core/net/connection.h"
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

Acceptor::Acceptor(Shard& shard, Placement& placement, const std::string& host, std::uint16_t port,
                   Greeter greeter)
    : placement_(placement),
      greeter_(std::move(greeter)),
      listener_(shard, host, port, [this](int descriptor) { accepted(descriptor); }) {}

void Acceptor::accepted(int descriptor) {
    Shard* shard = placement_.choose();
    if (shard == nullptr) {
        ::close(descriptor);
        return;
    }
    const auto adopt = [this, shard, descriptor] {
        Connection& connection = shard->connections().adopt(descriptor);
        connection.start(greeter_(connection));
    };
    shard->post(adopt);
}

}  // namespace millrace::app
