// Many clients that fight and vanish, for MILLRACE_SOAK_SECONDS (10 unless it is set), against whichever
// binary MILLRACE_BINARY names: bug class 18, races of take-over and reconnecting.
#include <atomic>
#include <barrier>
#include <cstdlib>
#include <functional>
#include <gtest/gtest.h>
#include <iostream>
#include <random>
#include <sstream>
#include <thread>
#include <vector>

#include "tests/system/support/http_client.h"
#include "tests/system/support/mqtt_visitor.h"
#include "tests/system/support/server.h"
#include "tests/system/support/test_store.h"

namespace millrace::system_test {
namespace {

constexpr unsigned kFighters = 16;
constexpr unsigned kCrowdIds = 500;

std::chrono::seconds soak_time() {
    const char* given = std::getenv("MILLRACE_SOAK_SECONDS");
    return std::chrono::seconds(given == nullptr ? 10 : std::stoi(given));
}

/// One thread's luck. The seed is the thread's number: a run can be had again, but for the timing.
class Chance {
  public:
    explicit Chance(unsigned seed) : random_(seed) {}
    unsigned below(unsigned end) { return static_cast<unsigned>(random_() % end); }
    bool one_in(unsigned n) { return below(n) == 0; }

  private:
    std::mt19937 random_;
};

class SoakTest : public testing::Test {
  protected:
    SoakTest() : store_(StoreKind::sqlite), server_(Server::Yaml{configuration()}) { server_.start(); }

    std::string configuration() const {
        const std::string open = "    anonymous: true\n    publish: anyone\n    audience: anyone\n";
        return "threads: 4\nstore:\n  url: \"" + store_.url() +
               "\"\nauth:\n  anonymous: true\nlimits:\n  session_expiry: 1h\nchannels:\n  - match: stored/#\n"
               "    store: true\n    history: 100\n" +
               open + "  - match: '#'\n    store: false\n" + open;
    }

    MqttVisitor visitor(bool websocket) {
        using Door = MqttVisitor::Door;
        return {websocket ? Door::websocket : Door::tcp,
                websocket ? server_.http_port() : server_.mqtt_port()};
    }

    Introduction introduction(Chance& chance, const std::string& client_id) {
        Introduction who{.level = chance.one_in(2) ? kMqtt5 : kMqtt311,
                         .client_id = client_id,
                         .clean = chance.one_in(3),
                         .session_expiry = chance.one_in(3) ? 0 : 1 + chance.below(60),
                         .will_topic = {},
                         .will_delay = chance.below(3)};
        if (chance.one_in(3)) who.will_topic = topic(chance);
        return who;
    }

    /// Does some of what clients do, and goes in one of the ways in which clients go.
    void act_and_vanish(MqttVisitor& client, int level, Chance& chance) {
        for (unsigned steps = chance.below(5); steps > 0; --steps) step(client, level, chance);
        client.read(std::chrono::milliseconds(chance.below(20)));
        if (client.accepted() == 0) ++accepted_;
        messages_ += client.messages();
        if (chance.one_in(3)) client.send(mqtt_packet(0xe0, {}));
        if (chance.one_in(4)) client.reset();
    }

    void visit(Chance& chance, const std::string& client_id) {
        MqttVisitor client = visitor(chance.one_in(4));
        const Introduction who = introduction(chance, client_id);
        client.send(mqtt_connect(who));
        if (chance.one_in(8)) return;  // before it has heard anything
        client.read(std::chrono::milliseconds(chance.below(20)));
        act_and_vanish(client, who.level, chance);
    }

    /// One of those who connect at once with the same client id: all but one are sent away, soon.
    void fight(Chance& chance, std::barrier<>& decided) {
        MqttVisitor client = visitor(chance.one_in(4));
        const Introduction who = introduction(chance, "prize");
        client.send(mqtt_connect(who));
        const bool stays = !chance.one_in(8);
        const auto is_decided = [&] {
            return client.read(5ms), client.accepted().has_value() || client.closed();
        };
        if (stays && !eventually(is_decided, 60s)) failure_ = "a client is neither accepted nor sent away";
        decided.arrive_and_wait();
        if (stays) act_and_vanish(client, who.level, chance);
    }

    void run_threads(
        unsigned count, const std::function<void(Chance&)>& turn,
        const std::function<void()>& leave = [] {}) {
        const Deadline deadline(soak_time());
        std::vector<std::thread> threads;
        for (unsigned number = 0; number < count; ++number) {
            threads.emplace_back([this, number, &turn, &leave, &deadline] {
                Chance chance(number + 1);
                while (!deadline.passed() && failure_.load() == nullptr) one_turn(chance, turn);
                leave();
            });
        }
        std::this_thread::sleep_for(soak_time() / 3);
        const std::size_t early = resident_kib(server_.pid());
        for (std::thread& thread : threads) thread.join();
        const std::size_t late = resident_kib(server_.pid());
        std::cout << "visits " << visits_ << ", accepted " << accepted_ << ", messages " << messages_
                  << ", resident KiB after a third " << early << ", at the end " << late << "\n";
        EXPECT_EQ(failure_.load(), nullptr) << failure_.load();
        EXPECT_GT(accepted_, 0U);
        // What the allocators keep, a sanitizer's most of all, is no leak; what grows with every visit is.
        EXPECT_LT(late, early + early / 2 + 96 * 1024);
    }

    /// Whoever is left says CONNECT with Clean Start and DISCONNECT; then nobody may be there any more.
    void expect_empty(const std::vector<std::string>& client_ids) {
        for (const std::string& id : client_ids) {
            MqttVisitor client = visitor(false);
            client.send(mqtt_connect({.client_id = id}));
            EXPECT_TRUE(eventually([&] { return client.read(1ms), client.accepted().has_value(); })) << id;
            EXPECT_EQ(client.accepted(), 0) << id;
            client.send(mqtt_packet(0xe0, {}));
        }
        for (const char* gauge : {"millrace_sessions", "millrace_mqtt_clients", "millrace_queued_messages"})
            EXPECT_TRUE(eventually([&] { return metric(gauge) == 0; }, 30s)) << gauge << " " << metric(gauge);
    }

    void expect_served() {
        for (const int level : {kMqtt311, kMqtt5}) {
            MqttConnection client(server_.mqtt_port(), level, "afterwards");
            EXPECT_EQ(client.subscribe("afterwards", 1), 1);
            client.send(mqtt_publish(level, "afterwards", "x", 1, 7));
            EXPECT_TRUE(client.read_type(PacketType::publish));
        }
    }

    void TearDown() override {
        EXPECT_TRUE(server_.running()) << "the server died";
        EXPECT_EQ(server_.stop(), 0) << "after SIGTERM";
        const std::string log = server_.log();
        EXPECT_EQ(log.find("Sanitizer"), std::string::npos);
        EXPECT_EQ(log.find("runtime error"), std::string::npos);
        if (HasFailure())
            std::cerr << "--- the end of the server's log\n"
                      << log.substr(log.size() - std::min(log.size(), std::size_t{20'000})) << "---\n";
    }

    std::size_t visits() const { return visits_; }

  private:
    void one_turn(Chance& chance, const std::function<void(Chance&)>& turn) {
        try {
            turn(chance);
            ++visits_;
        } catch (const std::exception&) {
            if (!server_answers()) failure_ = "the server does not let anybody in any more";
        }
    }

    bool server_answers() {
        return eventually([this] {
            try {
                return http_get(server_.http_port(), "/readyz").status == 200;
            } catch (const std::exception&) {
                return false;
            }
        });
    }

    static std::string topic(Chance& chance) {
        return (chance.one_in(4) ? "stored/" : "live/") + std::to_string(chance.below(20));
    }

    static void step(MqttVisitor& client, int level, Chance& chance) {
        const auto id = static_cast<std::uint16_t>(1 + chance.below(100));
        const int qos = static_cast<int>(chance.below(3));
        switch (chance.below(5)) {
            case 0:
                client.send(mqtt_subscribe(level, id, topic(chance), qos));
                break;
            case 1:
                client.send(mqtt_subscribe(level, id, chance.one_in(2) ? "live/#" : "stored/+", qos));
                break;
            case 2:
                client.send(
                    mqtt_subscribe(level, id, "$share/g" + std::to_string(chance.below(3)) + "/live/#", qos));
                break;
            default:
                client.send(mqtt_publish(level, topic(chance), std::string(chance.below(200), 'x'), qos, id));
                break;
        }
    }

    double metric(const std::string& name) {
        std::istringstream lines(http_get(server_.http_port(), "/metrics").body);
        for (std::string line; std::getline(lines, line);) {
            if (line.starts_with(name + " ")) return std::stod(line.substr(name.size() + 1));
        }
        return -1;
    }

    TestStore store_;
    Server server_;
    std::atomic<std::size_t> visits_{0};
    std::atomic<std::size_t> accepted_{0};
    std::atomic<std::size_t> messages_{0};
    std::atomic<const char*> failure_{nullptr};
};

// Bug class 18.
TEST_F(SoakTest, SixteenClientsFightForOneId) {
    // Nobody leaves the fight before it is decided, so that no round is missing a fighter.
    std::barrier<> decided(kFighters);
    run_threads(
        kFighters, [&](Chance& chance) { fight(chance, decided); }, [&] { decided.arrive_and_drop(); });
    expect_empty({"prize"});
    expect_served();
}

// Bug class 18.
TEST_F(SoakTest, ManyComeAndVanish) {
    const auto id = [](unsigned number) { return "c" + std::to_string(number); };
    run_threads(kFighters, [&](Chance& chance) { visit(chance, id(chance.below(kCrowdIds))); });
    std::vector<std::string> everybody;
    for (unsigned number = 0; number < kCrowdIds; ++number) everybody.push_back(id(number));
    if (soak_time() >= 600s) {
        EXPECT_GE(visits(), 10'000U);
    }
    expect_empty(everybody);
    expect_served();
}

}  // namespace
}  // namespace millrace::system_test
