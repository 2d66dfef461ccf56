// docs/channels.md says who gets what: written through every door, read live and from the log through every
// door.
#include <boost/json/parse.hpp>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <set>

#include "tests/system/support/bridge_client.h"
#include "tests/system/support/event_stream.h"
#include "tests/system/support/mqtt_wire.h"
#include "tests/system/support/rules.h"
#include "tests/system/support/system_test.h"

namespace millrace::system_test {
namespace {

namespace json = boost::json;

using Texts = std::set<std::string>;

/// What comes up to the text "last"; `next` gives a text, or nothing when no more comes.
Texts read_to_last(const std::function<std::optional<json::value>()>& next) {
    Texts got;
    while (!got.contains("last")) {
        const std::optional<json::value> text = next();
        if (!text) break;
        got.insert(text->as_string().c_str());
    }
    return got;
}
Texts read_to_last(MqttConnection& device) {
    return read_to_last([&]() -> std::optional<json::value> {
        const auto packet = device.read_type(PacketType::publish);
        if (!packet) return std::nullopt;
        return json::parse(parse_publish(*packet, device.level()).payload);
    });
}
/// Messages come as `message`, in the second generation also as `replay`.
Texts read_to_last(FrameClient& browser) {
    const Deadline deadline(kPatience);
    return read_to_last([&]() -> std::optional<json::value> {
        while (const auto frame = browser.next(deadline)) {
            const json::string& action = frame->at("action").as_string();
            if (action == "message" || action == "replay") return frame->at("payload");
        }
        return std::nullopt;
    });
}
Texts read_to_last(EventStreamClient& stream) {
    const Deadline deadline(kPatience);
    return read_to_last([&]() -> std::optional<json::value> {
        while (const auto event = stream.next(deadline)) {
            if (event->name == "message") return json::parse(event->data).at("data");
        }
        return std::nullopt;
    });
}

/// The texts of a list of messages.
Texts texts_of(const json::value& messages, const char* key) {
    Texts got;
    if (!messages.is_array()) return got;
    for (const json::value& message : messages.get_array()) got.insert(message.at(key).as_string().c_str());
    return got;
}

class AudienceTest : public RulesTest {
  protected:
    /// Who reads, and where.
    struct Place {
        std::string who;
        std::string channel;
        std::string epoch;
    };
    /// Called when everything is written.
    using Later = std::function<Texts()>;
    /// Called before.
    using Way = std::function<Later(const Place&)>;
    using Ways = std::map<std::string, Way>;

    MqttConnection device(int level, const Place& place, const std::string& id = {}) const {
        return MqttConnection(server_->mqtt_port(), level, id, credential_of(place.who), id.empty());
    }
    void add_live_mqtt(Ways& ways) const;
    void add_live_browsers(Ways& ways) const;
    void add_live_streams(Ways& ways) const;
    void add_mqtt_replays(Ways& ways) const;
    void add_sessions(Ways& ways) const;
    void add_joins(Ways& ways) const;
    void add_second_joins(Ways& ways) const;
    void add_resumed_streams(Ways& ways) const;
    void add_histories(Ways& ways) const;
    Ways ways() const;

    /// `write` is called when everybody has begun to read; after it comes "last", which is for everybody.
    void expect_everywhere(const std::string& channel, const std::map<std::string, Texts>& expected,
                           std::size_t count, const std::function<void()>& write) const;
    void write_through_every_door(const std::string& who, const std::string& channel) const;
    void write_narrowed(const std::string& member, const std::string& channel, const std::string& text) const;
};

/// What `channel` matches beside others.
std::string filter_of(const std::string& channel) {
    return channel.substr(0, channel.rfind('/')) + "/+";
}

void AudienceTest::add_live_mqtt(Ways& ways) const {
    for (const bool wildcard : {false, true}) {
        ways[wildcard ? "MQTT by a filter" : "MQTT"] = [this, wildcard](const Place& place) -> Later {
            const auto client = std::make_shared<MqttConnection>(device(kMqtt5, place));
            EXPECT_EQ(client->subscribe(wildcard ? filter_of(place.channel) : place.channel, 1), 1);
            return [client] { return read_to_last(*client); };
        };
    }
    ways["shared subscription"] = [this](const Place& place) -> Later {
        const auto client = std::make_shared<MqttConnection>(device(kMqtt5, place));
        EXPECT_EQ(client->subscribe("$share/" + place.who + "/" + place.channel, 1), 1);
        return [client] { return read_to_last(*client); };
    };
}

void AudienceTest::add_live_browsers(Ways& ways) const {
    for (const bool wildcard : {false, true}) {
        ways[wildcard ? "browser by a filter" : "browser"] = [this, wildcard](const Place& place) -> Later {
            const auto browser = std::make_shared<BridgeClient>(http(), "default", credential_of(place.who));
            EXPECT_TRUE(browser->join(wildcard ? filter_of(place.channel) : place.channel));
            return [browser] { return read_to_last(*browser); };
        };
        ways[wildcard ? "second generation by a filter" : "second generation"] =
            [this, wildcard](const Place& place) -> Later {
            const auto browser = std::make_shared<SecondClient>(http(), credential_of(place.who));
            EXPECT_TRUE(browser->join(wildcard ? filter_of(place.channel) : place.channel));
            return [browser] { return read_to_last(*browser); };
        };
    }
}

void AudienceTest::add_live_streams(Ways& ways) const {
    for (const bool wildcard : {false, true}) {
        ways[wildcard ? "event stream by a filter" : "event stream"] =
            [this, wildcard](const Place& place) -> Later {
            const std::string channel = wildcard ? filter_of(place.channel) : place.channel;
            const auto stream =
                std::make_shared<EventStreamClient>(http(), "/v1/channels/" + in_path(channel) + "/stream",
                                                    authorization(credential_of(place.who)));
            EXPECT_TRUE(stream->begin(Deadline(kPatience)));
            return [stream] { return read_to_last(*stream); };
        };
    }
}

void AudienceTest::add_mqtt_replays(Ways& ways) const {
    for (const auto& [property, value] : {std::pair("last", "100"), std::pair("after", "1")}) {
        const std::map<std::string, std::string> properties{{property, value}};
        ways[std::string("MQTT replay with ") + property] = [this, properties](const Place& place) -> Later {
            return [this, properties, place] {
                MqttConnection client = device(kMqtt5, place);
                client.send(mqtt_subscribe(kMqtt5, 1, place.channel, 1, properties));
                return read_to_last(client);
            };
        };
    }
    for (const bool wildcard : {false, true}) {
        ways[wildcard ? "$replay by a filter" : "$replay"] = [this, wildcard](const Place& place) -> Later {
            return [this, wildcard, place] {
                MqttConnection client = device(kMqtt311, place);
                const std::string filter = wildcard ? filter_of(place.channel) : place.channel;
                client.send(mqtt_subscribe(kMqtt311, 1, "$replay/100/" + filter, 1));
                return read_to_last(client);
            };
        };
    }
}

void AudienceTest::add_sessions(Ways& ways) const {
    for (const bool wildcard : {false, true}) {
        ways[wildcard ? "session that was away, by a filter" : "session that was away"] =
            [this, wildcard](const Place& place) -> Later {
            const std::string id = place.channel + place.who + (wildcard ? "+" : "");
            EXPECT_EQ(
                device(kMqtt311, place, id).subscribe(wildcard ? filter_of(place.channel) : place.channel, 1),
                1);
            return [this, place, id] {
                MqttConnection back = device(kMqtt311, place, id);
                return read_to_last(back);
            };
        };
    }
}

void AudienceTest::add_joins(Ways& ways) const {
    ways["browser with after"] = [this](const Place& place) -> Later {
        return [this, place] {
            BridgeClient browser(http(), "default", credential_of(place.who));
            browser.send("join", place.channel, {{"history", false}, {"presence", false}},
                         {{"after", 1}, {"epoch", place.epoch}});
            return read_to_last(browser);
        };
    };
    ways["browser with history"] = [this](const Place& place) -> Later {
        return [this, place] {
            BridgeClient browser(http(), "default", credential_of(place.who));
            EXPECT_TRUE(browser.join(place.channel, true));
            return texts_of(at_path(browser.next("history"), "payload.history"), "payload");
        };
    };
    ways["browser that asks for history"] = [this](const Place& place) -> Later {
        return [this, place] {
            BridgeClient browser(http(), "default", credential_of(place.who));
            EXPECT_TRUE(browser.join(place.channel));
            browser.send("history", place.channel, nullptr);
            return texts_of(at_path(browser.next("history"), "payload.history"), "payload");
        };
    };
}

void AudienceTest::add_second_joins(Ways& ways) const {
    const auto come_back = [this](const Place& place, const json::object& options, bool history) {
        SecondClient browser(http(), credential_of(place.who));
        EXPECT_TRUE(browser.join(place.channel, options, history));
        return read_to_last(browser);
    };
    ways["second generation with its cursor"] = [come_back](const Place& place) -> Later {
        return [=] { return come_back(place, {{"cursor", place.epoch + "-1"}}, false); };
    };
    ways["second generation with its conversation"] = [come_back](const Place& place) -> Later {
        return [=] { return come_back(place, {}, true); };
    };
    ways["second generation by its name"] = [this, come_back](const Place& place) -> Later {
        SecondClient before(http(), credential_of(place.who));
        const json::object name{{"client_id", place.who}};
        EXPECT_TRUE(before.join(place.channel, name));
        before.send("ack", place.channel, {{"id", place.epoch + "-1"}});
        EXPECT_TRUE(before.next("ack"));
        return [=] { return come_back(place, name, false); };
    };
}

void AudienceTest::add_resumed_streams(Ways& ways) const {
    const auto stream = [this](const Place& place, const std::string& query, const std::string& header) {
        EventStreamClient client(http(), "/v1/channels/" + in_path(place.channel) + "/stream" + query,
                                 authorization(credential_of(place.who)) + header);
        return read_to_last(client);
    };
    ways["event stream with Last-Event-ID"] = [stream](const Place& place) -> Later {
        return [=] { return stream(place, {}, "Last-Event-ID: " + place.epoch + ":1\r\n"); };
    };
    ways["event stream with after"] = [stream](const Place& place) -> Later {
        return [=] { return stream(place, "?after=1", {}); };
    };
}

void AudienceTest::add_histories(Ways& ways) const {
    for (const char* query : {"", "?after=1", "?before=1000", "?since=1"}) {
        ways[std::string("history") + query] = [this, query](const Place& place) -> Later {
            return [this, query, place] {
                const std::string target = "/v1/channels/" + in_path(place.channel) + "/messages" + query;
                return texts_of(ask(credential_of(place.who), "GET", target).json().at("messages"), "data");
            };
        };
    }
}

AudienceTest::Ways AudienceTest::ways() const {
    Ways ways;
    add_live_mqtt(ways);
    add_live_browsers(ways);
    add_live_streams(ways);
    add_mqtt_replays(ways);
    add_sessions(ways);
    add_joins(ways);
    add_second_joins(ways);
    add_resumed_streams(ways);
    add_histories(ways);
    return ways;
}

void AudienceTest::expect_everywhere(const std::string& channel, const std::map<std::string, Texts>& expected,
                                     std::size_t count, const std::function<void()>& write) const {
    publish("backend", channel, "first");
    const std::string history = "/v1/channels/" + in_path(channel) + "/messages";
    const std::string epoch =
        ask(credential_of("backend"), "GET", history).json().at("epoch").as_string().c_str();
    std::map<std::pair<std::string, std::string>, Later> readers;
    for (const auto& [way, begin] : ways()) {
        for (const auto& entry : expected) readers[{entry.first, way}] = begin({entry.first, channel, epoch});
    }
    write();
    // A browser is not told when its message is committed, nor is SQL.
    ASSERT_TRUE(eventually([&] { return count_stored(channel) == count + 1; })) << count_stored(channel);
    publish("backend", channel, "last");
    for (const auto& [reader, read] : readers) {
        Texts got = read();
        got.erase("first");
        EXPECT_EQ(got, expected.at(reader.first)) << channel << ": " << reader.first << ", " << reader.second;
    }
}

const std::vector<std::string> kReaders = {"anonymous", "user", "other", "backend"};

/// The texts are the names of doors, with who has written behind them.
void AudienceTest::write_through_every_door(const std::string& who, const std::string& channel) const {
    publish(who, channel, "HTTP " + who);
    MqttConnection client(server_->mqtt_port(), kMqtt5, "", credential_of(who));
    client.send(mqtt_publish(kMqtt5, channel, "\"MQTT " + who + "\"", 1, 1));
    EXPECT_TRUE(client.read_type(PacketType::puback));
    BridgeClient first(http(), "default", credential_of(who));
    EXPECT_TRUE(first.join(channel));
    first.message(channel, json::value("browser " + who));
    SecondClient second(http(), credential_of(who));
    EXPECT_TRUE(second.broadcast(channel, "send", json::value("second " + who)));
    EXPECT_TRUE(first.next("message") && second.next("broadcast"));
    if (who == "backend" && GetParam() == StoreKind::postgres) publish_with_sql(channel, "SQL " + who);
}

Texts written_by(const std::string& who, StoreKind store) {
    Texts texts = {"HTTP " + who, "MQTT " + who, "browser " + who, "second " + who};
    if (who == "backend" && store == StoreKind::postgres) texts.insert("SQL " + who);
    return texts;
}

TEST_P(AudienceTest, WhatIsForSomeReachesNobodyElse) {
    std::map<std::string, Rows> by_rule;
    for (const auto& row : table("audience: ")) by_rule[row.at(0)].push_back(row);
    ASSERT_EQ(by_rule.size(), 2U);
    for (const auto& [rule, senders] : by_rule) {
        ASSERT_EQ(senders.size(), 3U);
        std::map<std::string, Texts> expected;
        std::size_t count = 0;
        for (const std::string& who : kReaders) expected[who] = {"last"};
        for (const auto& row : senders) {
            const Texts texts = written_by(row.at(1), GetParam());
            count += texts.size();
            if (row.at(2) == "yes") expected["anonymous"].insert(texts.begin(), texts.end());
            for (const char* who : {"user", "other"})
                if (row.at(3) == "yes") expected[who].insert(texts.begin(), texts.end());
            expected["backend"].insert(texts.begin(), texts.end());
        }
        const std::string channel = channel_of(rule) + "/room";
        expect_everywhere(channel, expected, count, [&, &senders = senders] {
            for (const auto& row : senders) write_through_every_door(row.at(1), channel);
        });
    }
}

/// A cell as a member of a JSON object.
std::string as_member(std::string cell) {
    std::erase(cell, '`');
    return cell;
}

bool is_addressed(const std::string& member) {
    return member.starts_with("\"to\"");
}

/// `member`: of the body over HTTP, or of a browser's options.
void AudienceTest::write_narrowed(const std::string& member, const std::string& channel,
                                  const std::string& text) const {
    const json::object as_json = json::parse("{" + member + "}").as_object();
    if (!is_addressed(member)) {
        BridgeClient browser(http(), "default", credential_of("user"));
        ASSERT_TRUE(browser.join(channel));
        browser.message(channel, json::value("browser " + text), as_json);
        return;
    }
    publish("backend", channel, "HTTP " + text, "," + member);
    if (GetParam() != StoreKind::postgres) return;
    std::string arguments;
    for (const auto& [name, value] : as_json.at("to").as_object())
        arguments += ", to_" + std::string(name) + " => " + std::to_string(value.as_int64());
    publish_with_sql(channel, "SQL " + text, arguments);
}

Texts written_narrowed(const std::string& member, const std::string& text, StoreKind store) {
    if (!is_addressed(member)) return {"browser " + text};
    Texts texts = {"HTTP " + text};
    if (store == StoreKind::postgres) texts.insert("SQL " + text);
    return texts;
}

TEST_P(AudienceTest, WhatIsNarrowedReachesNobodyElse) {
    const Rows rows = table("\"");
    ASSERT_EQ(rows.size(), 4U);
    const std::string channel = "rules/audienceanyone/narrowed";
    std::map<std::string, Texts> expected;
    for (const std::string& who : kReaders) expected[who] = {"last"};
    std::size_t count = 0;
    std::vector<std::function<void()>> writes;
    for (const auto& row : rows) {
        const std::string name = std::to_string(writes.size());
        const std::string member = as_member(row.at(0));
        const Texts texts = written_narrowed(member, name, GetParam());
        count += texts.size();
        for (const auto& [who, cell] :
             {std::pair("anonymous", 1U), std::pair("user", 2U), std::pair("other", 3U)})
            if (row.at(cell) == "yes") expected[who].insert(texts.begin(), texts.end());
        expected["backend"].insert(texts.begin(), texts.end());
        writes.emplace_back([=, this] { write_narrowed(member, channel, name); });
    }
    expect_everywhere(channel, expected, count, [&] {
        for (const auto& write : writes) write();
    });
}

/// A member that may not have a message does not swallow it.
TEST_P(AudienceTest, AGroupGivesAMessageToAMemberThatMayHaveIt) {
    const std::string channel = "rules/audienceanyone/group";
    MqttConnection nobody = device(kMqtt5, {"anonymous", channel, {}});
    MqttConnection user = device(kMqtt5, {"user", channel, {}});
    for (MqttConnection* member : {&nobody, &user}) ASSERT_EQ(member->subscribe("$share/g/" + channel, 1), 1);
    Texts expected;
    for (const char* text : {"1", "2", "3", "4", "5", "6", "last"}) {
        publish("backend", channel, text, R"(,"to":{"dbo_id":1,"row_id":7})");
        expected.insert(text);
    }
    EXPECT_EQ(read_to_last(user), expected);
}

TEST_P(AudienceTest, WhatIsForSomeIsNeverRetained) {
    std::size_t rows = 0;
    for (const auto& row : table("\"to\"")) {
        const std::string channel = "rules/audienceanyone/retained" + std::to_string(rows++);
        publish("backend", channel, "for all", R"(,"retain":true)");
        publish("backend", channel, "for some", "," + as_member(row.at(0)) + R"(,"retain":true)");
        for (const char* who : {"anonymous", "user", "other"}) {
            MqttConnection client = device(kMqtt5, {who, channel, {}});
            ASSERT_EQ(client.subscribe(channel, 1), 1);
            publish("backend", channel, "last");
            EXPECT_EQ(read_to_last(client), (Texts{"for all", "last"})) << row.at(0) << ", " << who;
        }
    }
    EXPECT_EQ(rows, 3U);
}

MILLRACE_ON_BOTH_STORES(AudienceTest);

}  // namespace
}  // namespace millrace::system_test
