#include "mqtt/codec/properties.h"

#include <gtest/gtest.h>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/mqtt/codec/support.h"

namespace millrace::mqtt::test {
namespace {

using Owner = PropertyOwner;

Decoded<Properties> parse(const std::string& raw, Owner owner, Sender sender = Sender::client) {
    return parse_properties(as_bytes(raw), owner, sender);
}

/// A legal value for each property, with its identifier.
const std::map<unsigned, std::string>& legal_values() {
    static const std::map<unsigned, std::string> kValues{
        {1, "01 01"},           {2, "02 00 00 00 01"}, {3, "03 [t]"},          {8, "08 [r/t]"},
        {9, "09 [c]"},          {11, "0b 01"},         {17, "11 00 00 00 01"}, {18, "12 [i]"},
        {19, "13 00 01"},       {21, "15 [m]"},        {22, "16 [d]"},         {23, "17 01"},
        {24, "18 00 00 00 01"}, {25, "19 00"},         {26, "1a [i]"},         {28, "1c [s]"},
        {31, "1f [r]"},         {33, "21 00 01"},      {34, "22 00 00"},       {35, "23 00 01"},
        {36, "24 01"},          {37, "25 00"},         {38, "26 [k] [v]"},     {39, "27 00 00 00 01"},
        {40, "28 00"},          {41, "29 01"},         {42, "2a 01"}};
    return kValues;
}

/// Table 2-4 read by rows: the properties of each owner, from the side that sends it (`c`, `s` or both).
struct Row {
    Owner owner;
    const char* senders;
    std::vector<unsigned> ids;
};
const std::vector<Row>& rows() {
    static const std::vector<Row> kRows{
        {Owner::will, "c", {1, 2, 3, 8, 9, 24, 38}},
        {Owner::connect, "c", {17, 21, 22, 23, 25, 33, 34, 38, 39}},
        {Owner::connack, "s", {17, 18, 19, 21, 22, 26, 28, 31, 33, 34, 36, 37, 38, 39, 40, 41, 42}},
        {Owner::publish, "c", {1, 2, 3, 8, 9, 35, 38}},
        {Owner::publish, "s", {1, 2, 3, 8, 9, 11, 35, 38}},
        {Owner::puback, "cs", {31, 38}},
        {Owner::pubrec, "cs", {31, 38}},
        {Owner::pubrel, "cs", {31, 38}},
        {Owner::pubcomp, "cs", {31, 38}},
        {Owner::subscribe, "c", {11, 38}},
        {Owner::suback, "s", {31, 38}},
        {Owner::unsubscribe, "c", {38}},
        {Owner::unsuback, "s", {31, 38}},
        {Owner::disconnect, "c", {17, 31, 38}},
        {Owner::disconnect, "s", {28, 31, 38}},
        {Owner::auth, "cs", {21, 22, 31, 38}}};
    return kRows;
}

// Bug class 5.
TEST(PropertyMatrix, EveryIdentifierInEveryPacket) {
    for (const Row& row : rows()) {
        for (const char side : std::string(row.senders)) {
            const Sender sender = side == 'c' ? Sender::client : Sender::server;
            for (const auto& [id, notation] : legal_values()) {
                const bool expected = std::find(row.ids.begin(), row.ids.end(), id) != row.ids.end();
                const std::string method = id == 22 && expected ? wire("15 [m]") : "";
                const auto parsed = parse(method + wire(notation), row.owner, sender);
                EXPECT_EQ(parsed.has_value(), expected)
                    << "property " << id << " of owner " << static_cast<int>(row.owner) << ' ' << side;
                if (parsed) {
                    EXPECT_TRUE(parsed->has(static_cast<PropertyId>(id)));
                }
            }
        }
    }
}

// Bug class 5.
TEST(PropertyMatrix, UnknownIdentifiersAreMalformedEverywhere) {
    for (const Row& row : rows()) {
        for (unsigned id = 0; id < 256; ++id) {
            if (legal_values().contains(id)) continue;
            const auto parsed = parse(std::string(1, static_cast<char>(id)) + "\1\1\1\1", row.owner);
            ASSERT_FALSE(parsed) << id;
            EXPECT_EQ(parsed.error().code, ReasonCode::malformed_packet);
        }
    }
}

// Bug class 5.
TEST(PropertyMatrix, NothingAppearsTwiceButUserPropertiesAndSubscriptionIdentifiers) {
    for (const Row& row : rows()) {
        const Sender sender = row.senders[0] == 'c' ? Sender::client : Sender::server;
        for (const unsigned id : row.ids) {
            const std::string one = wire(legal_values().at(id));
            const std::string method = id == 22 ? wire("15 [m]") : "";
            const auto twice = parse(method + one + one, row.owner, sender);
            const bool expected = id == 38 || (id == 11 && row.owner == Owner::publish);
            ASSERT_EQ(twice.has_value(), expected) << id << " of " << static_cast<int>(row.owner);
            if (!expected) {
                EXPECT_EQ(twice.error().code, ReasonCode::protocol_error);
            }
        }
    }
}

// Bug class 5.
TEST(PropertyMatrix, EveryValueCutShortIsMalformed) {
    for (const Row& row : rows()) {
        const Sender sender = row.senders[0] == 'c' ? Sender::client : Sender::server;
        for (const unsigned id : row.ids) {
            const std::string one = wire(legal_values().at(id));
            for (std::size_t size = 1; size < one.size(); ++size) {
                const auto cut = parse(one.substr(0, size), row.owner, sender);
                ASSERT_FALSE(cut) << id << " cut to " << size;
                EXPECT_EQ(cut.error().code, ReasonCode::malformed_packet) << id << " cut to " << size;
            }
        }
    }
}

struct BadValue {
    const char* notation;
    Owner owner;
    Sender sender;
    ReasonCode code;
};

TEST(Properties, RefusesIllegalValues) {
    const std::vector<BadValue> values{
        {"01 02", Owner::publish, Sender::client, ReasonCode::protocol_error},
        {"17 02", Owner::connect, Sender::client, ReasonCode::protocol_error},
        {"19 ff", Owner::connect, Sender::client, ReasonCode::protocol_error},
        {"24 02", Owner::connack, Sender::server, ReasonCode::protocol_error},
        {"25 02", Owner::connack, Sender::server, ReasonCode::protocol_error},
        {"28 02", Owner::connack, Sender::server, ReasonCode::protocol_error},
        {"29 02", Owner::connack, Sender::server, ReasonCode::protocol_error},
        {"2a 02", Owner::connack, Sender::server, ReasonCode::protocol_error},
        {"21 00 00", Owner::connect, Sender::client, ReasonCode::protocol_error},
        {"27 00 00 00 00", Owner::connect, Sender::client, ReasonCode::protocol_error},
        {"0b 00", Owner::subscribe, Sender::client, ReasonCode::protocol_error},
        {"0b 80 00", Owner::subscribe, Sender::client, ReasonCode::malformed_packet},
        {"0b ff ff ff ff 01", Owner::subscribe, Sender::client, ReasonCode::malformed_packet},
        {"23 00 00", Owner::publish, Sender::client, ReasonCode::topic_alias_invalid},
        {"16 [d]", Owner::connect, Sender::client, ReasonCode::protocol_error},
        {"08 [a/+]", Owner::publish, Sender::client, ReasonCode::protocol_error},
        {"08 []", Owner::publish, Sender::client, ReasonCode::protocol_error},
        {"03 00 01 ff", Owner::publish, Sender::client, ReasonCode::malformed_packet},
        {"03 00 01 00", Owner::publish, Sender::client, ReasonCode::malformed_packet},
        {"26 00 01 ff [v]", Owner::publish, Sender::client, ReasonCode::malformed_packet},
        {"26 [k] 00 02 c0 80", Owner::publish, Sender::client, ReasonCode::malformed_packet},
        {"0b 01", Owner::publish, Sender::client, ReasonCode::protocol_error},              // [MQTT-3.3.4-6]
        {"11 00 00 00 01", Owner::disconnect, Sender::server, ReasonCode::protocol_error},  // [MQTT-3.14.2-2]
        {"1c [s]", Owner::disconnect, Sender::client, ReasonCode::protocol_error},
        {"23 00 01", Owner::will, Sender::client, ReasonCode::malformed_packet},
    };
    for (const BadValue& value : values) {
        const auto parsed = parse(wire(value.notation), value.owner, value.sender);
        ASSERT_FALSE(parsed) << value.notation;
        EXPECT_EQ(parsed.error().code, value.code) << value.notation << ": " << parsed.error().why;
    }
}

TEST(Properties, AccessorsReadEveryKind) {
    const std::string raw = wire(
        "26 [k] [1] 01 01 23 01 02 02 00 01 00 00 0b ff 01 26 [k] [2] 0b 05 03 [t] 09 00 02 00 ff 26 [] []");
    const auto parsed = parse(raw, Owner::publish, Sender::server);
    ASSERT_TRUE(parsed) << parsed.error().why;
    EXPECT_EQ(parsed->integer(PropertyId::payload_format_indicator), 1U);
    EXPECT_EQ(parsed->integer(PropertyId::topic_alias), 0x102U);
    EXPECT_EQ(parsed->integer(PropertyId::message_expiry_interval), 65'536U);
    EXPECT_EQ(parsed->integer(PropertyId::subscription_identifier), 255U);
    EXPECT_EQ(parsed->text(PropertyId::content_type), "t");
    ASSERT_TRUE(parsed->binary(PropertyId::correlation_data));
    EXPECT_EQ(hex(as_text(*parsed->binary(PropertyId::correlation_data))), "00 ff");
    EXPECT_FALSE(parsed->text(PropertyId::response_topic));
    EXPECT_FALSE(parsed->integer(PropertyId::receive_maximum));
    EXPECT_FALSE(parsed->binary(PropertyId::authentication_data));

    std::vector<std::pair<std::string, std::string>> users;
    parsed->for_each_user_property([&users](auto name, auto value) { users.emplace_back(name, value); });
    EXPECT_EQ(users, (decltype(users){{"k", "1"}, {"k", "2"}, {"", ""}}));
    std::vector<std::uint32_t> ids;
    parsed->for_each_subscription_identifier([&ids](std::uint32_t id) { ids.push_back(id); });
    EXPECT_EQ(ids, (std::vector<std::uint32_t>{255, 5}));
}

TEST(Properties, NoneAreEmpty) {
    const Properties none;
    EXPECT_TRUE(none.empty());
    EXPECT_EQ(none.forwardable_size(), 0U);
    EXPECT_FALSE(none.has(PropertyId::user_property));
    unsigned calls = 0;
    none.for_each_user_property([&calls](auto, auto) { ++calls; });
    none.for_each_subscription_identifier([&calls](auto) { ++calls; });
    EXPECT_EQ(calls, 0U);
}

std::string forwardable(const Properties& properties) {
    std::string bytes(properties.forwardable_size(), '?');
    auto* start = reinterpret_cast<std::byte*>(bytes.data());
    EXPECT_EQ(properties.write_forwardable(start), start + bytes.size());
    return hex(bytes);
}

TEST(Forwardable, Mqtt_3_3_2_18_KeepsUserPropertiesInOrder) {
    const std::string all = wire("26 [k] [1] 01 01 26 [a] [2] 03 [t] 08 [r] 09 [c] 26 [k] [1]");
    EXPECT_EQ(forwardable(*parse(all, Owner::publish)), hex(all));
}

TEST(Forwardable, LeavesOutAliasExpiryAndSubscriptionIdentifiers) {
    const std::string raw = wire("23 00 01 26 [k] [1] 02 00 00 00 01 01 00 0b 01 0b 02 03 [t]");
    const auto parsed = parse(raw, Owner::publish, Sender::server);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(forwardable(*parsed), hex(wire("26 [k] [1] 01 00 03 [t]")));
}

TEST(Forwardable, LeavesOutTheDelayOfAWill) {
    const std::string raw = wire("18 00 00 00 05 03 [t]");
    const auto will = parse(raw, Owner::will);
    ASSERT_TRUE(will);
    EXPECT_EQ(forwardable(*will), hex(wire("03 [t]")));
}

TEST(PropertyWriter, WritesWhatParses) {
    ByteBuffer buffer;
    buffer.append("earlier");
    PropertyWriter writer(buffer);
    writer.integer(PropertyId::session_expiry_interval, 0xFFFF'FFFF);
    writer.text(PropertyId::assigned_client_identifier, "auto-1");
    writer.integer(PropertyId::server_keep_alive, 300);
    writer.integer(PropertyId::maximum_qos, 1);
    writer.text(PropertyId::authentication_method, "M");
    writer.binary(PropertyId::authentication_data, as_bytes("data"));
    writer.user_property("k", "v");
    const Properties written = writer.properties();
    EXPECT_EQ(hex(as_text(written.raw())),
              hex(wire("11 ff ff ff ff 12 [auto-1] 13 01 2c 24 01 15 [M] 16 [data] 26 [k] [v]")));
    EXPECT_EQ(written.integer(PropertyId::server_keep_alive), 300U);
    EXPECT_EQ(written.text(PropertyId::assigned_client_identifier), "auto-1");
    EXPECT_TRUE(parse_properties(written.raw(), Owner::connack, Sender::server));
}

TEST(PropertyWriter, WritesVariableByteIntegers) {
    for (const std::uint32_t value : {1U, 127U, 128U, 16'383U, 16'384U, 2'097'152U, kMaxVarint}) {
        ByteBuffer buffer;
        PropertyWriter writer(buffer);
        writer.integer(PropertyId::subscription_identifier, value);
        const auto parsed = parse_properties(buffer.view(), Owner::subscribe, Sender::client);
        ASSERT_TRUE(parsed) << value;
        EXPECT_EQ(parsed->integer(PropertyId::subscription_identifier), value);
    }
}

}  // namespace
}  // namespace millrace::mqtt::test
