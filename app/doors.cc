#include "app/doors.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "bridge/bridge.h"
#include "core/net/connection.h"
#include "core/shard.h"
#include "http/server.h"
#include "http/upgrade.h"

namespace millrace::app {
namespace {

constexpr std::string_view kMqttPath = "/mqtt";
constexpr std::string_view kFirstPrefix = "/rt/";
constexpr std::string_view kSecondPrefix = "/ws/";
/// Subprotocols of MQTT over WebSocket: [MQTT-6.0.0-3], and the name that 3.1 clients use.
constexpr std::array<std::string_view, 2> kMqttSubprotocols{"mqtt", "mqttv3.1"};

/// Which protocol follows a WebSocket handshake, by its path.
class Upgrades final : public http::UpgradeHandler {
  public:
    Upgrades(mqtt::SessionTable& sessions, bridge::Bridge& bridge) : sessions_(sessions), bridge_(bridge) {}

    bool serves(std::string_view path) const override {
        return path == kMqttPath || path.starts_with(kFirstPrefix) || path.starts_with(kSecondPrefix);
    }

    http::UpgradeAnswer on_upgrade(const http::UpgradeRequest& request) override {
        if (request.path == kMqttPath) return to_mqtt(request);
        const bool first = request.path.starts_with(kFirstPrefix);
        return to_bridge(request, first ? bridge::Generation::first : bridge::Generation::second);
    }

  private:
    http::UpgradeAnswer to_mqtt(const http::UpgradeRequest& request) {
        http::UpgradeAnswer answer;
        for (const std::string_view offered : request.subprotocols) {
            if (std::ranges::find(kMqttSubprotocols, offered) != kMqttSubprotocols.end()) {
                answer.subprotocol = offered;
                answer.make = [this](Connection& connection) {
                    return make_client(sessions_, connection, true);
                };
                return answer;
            }
        }
        answer.status = 400;
        answer.detail = "MQTT over WebSocket needs the subprotocol 'mqtt' [MQTT-6.0.0-3]";
        return answer;
    }

    /// The browser SDK sends its token as the one subprotocol and hangs up unless it is echoed.
    http::UpgradeAnswer to_bridge(const http::UpgradeRequest& request, bridge::Generation generation) {
        static_assert(kFirstPrefix.size() == kSecondPrefix.size());
        http::UpgradeAnswer answer;
        if (!request.subprotocols.empty()) answer.subprotocol = request.subprotocols.front();
        answer.make = [this, key = std::string(request.path.substr(kFirstPrefix.size())),
                       token = answer.subprotocol, principal = request.principal,
                       generation](Connection& connection) {
            return bridge_.accept(connection, key, token, principal, generation);
        };
        return answer;
    }

    mqtt::SessionTable& sessions_;
    bridge::Bridge& bridge_;
};

/// The doors of one shard.
struct ShardDoors {
    ShardDoors(mqtt::Broker& broker, mqtt::SessionTable& table, std::vector<bridge::Bridge*>& bridges)
        : sessions(table), bridge(broker, bridges), upgrades(table, bridge), http(broker, &upgrades) {}

    mqtt::SessionTable& sessions;
    bridge::Bridge bridge;
    Upgrades upgrades;
    http::Server http;
};

}  // namespace

struct Doors::Shards {
    std::vector<bridge::Bridge*> bridges;
    std::vector<std::unique_ptr<ShardDoors>> all;
};

Doors::Doors(const std::vector<mqtt::Broker*>& brokers,
             const std::vector<std::unique_ptr<mqtt::SessionTable>>& sessions)
    : shards_(std::make_unique<Shards>()) {
    for (std::size_t i = 0; i < brokers.size(); ++i) {
        shards_->all.push_back(std::make_unique<ShardDoors>(*brokers[i], *sessions[i], shards_->bridges));
        shards_->bridges.push_back(&shards_->all.back()->bridge);
    }
}

Doors::~Doors() = default;

void Doors::review(unsigned shard) {
    ShardDoors& doors = *shards_->all[shard];
    doors.sessions.review();
    doors.bridge.review();
    doors.bridge.shard().connections().review();
}

std::unique_ptr<Protocol> Doors::greet(Connection& connection, config::Scheme scheme) {
    ShardDoors& doors = *shards_->all[connection.shard().index()];
    const bool speaks_mqtt = scheme == config::Scheme::mqtt || scheme == config::Scheme::mqtts;
    if (speaks_mqtt) return make_client(doors.sessions, connection, false);
    return doors.http.make_session(connection);
}

}  // namespace millrace::app
