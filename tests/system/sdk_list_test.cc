// The acceptance list of docs/bridge.md, with every SDK in Node and the latest in Chromium.
#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/system/support/bridge_client.h"
#include "tests/system/support/sdk_fixture.h"

namespace millrace::system_test {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// The socketId of a member that has just joined; empty when it does not.
std::string joined(SdkClient& member) {
    const json::value id = at_path(member.frame("join", kStart), "options.socketId");
    return id.is_string() ? id.as_string().c_str() : "";
}

/// What the SDK has given to the application before the message `last`.
std::vector<json::object> frames_before(SdkClient& member, const json::value& last) {
    std::vector<json::object> found;
    while (const std::optional<json::value> frame = member.next("frame")) {
        if (frame->at("action") == "message" && frame->at("payload") == last) return found;
        found.push_back(frame->as_object());
    }
    ADD_FAILURE() << "the last message did not come";
    return found;
}

std::size_t count(const std::vector<json::object>& frames, std::string_view action) {
    return static_cast<std::size_t>(std::ranges::count_if(
        frames, [&](const json::object& frame) { return frame.at("action").as_string() == action; }));
}

/// The text of a message or an event; empty for all other frames.
std::string text_of(const json::value& frame) {
    const json::value& payload = frame.at("payload");
    if (frame.at("action") == "message") return payload.as_string().c_str();
    return frame.at("action") == "event" ? payload.at("data").as_string().c_str() : "";
}

std::vector<std::string> texts_before(SdkClient& member, const json::value& last) {
    std::vector<std::string> texts;
    for (const json::object& frame : frames_before(member, last))
        if (std::string text = text_of(frame); !text.empty()) texts.push_back(std::move(text));
    return texts;
}

std::vector<std::string> texts_of_history(SdkClient& member) {
    const std::optional<json::object> frame = member.frame("history");
    std::vector<std::string> texts;
    if (!frame) return {"no history came"};
    for (const json::value& record : frame->at("payload").at("history").as_array())
        texts.push_back(text_of(record));
    return texts;
}

/// The code of the next error that onError has got.
std::string code_of_next_error(SdkClient& member) {
    const std::optional<json::value> error = member.next("error", kStart);
    return error ? error->at("payload").at("code").as_string().c_str() : "none";
}

/// One member as a roster has it; without a row, an anonymous one.
json::object member_of(const std::string& id, const std::string& row = {}) {
    if (row.empty())
        return {
            {"socketId", id}, {"extras", json::object()}, {"permissions", {{"dbo_id", 0}, {"row_id", 0}}}};
    return {{"socketId", id},
            {"extras", {{"name", "hero " + row}}},
            {"permissions", {{"dbo_id", 1}, {"row_id", std::stoi(row)}}}};
}

bool roster_becomes(SdkClient& member, const std::vector<json::object>& members) {
    return eventually([&] {
        const json::array roster = member.presence();
        return roster.size() == members.size() && std::ranges::all_of(members, [&](const json::object& one) {
                   return std::ranges::count(roster, json::value(one)) == 1;
               });
    });
}

/// One test of the list with one SDK.
class SdkListTest : public SdkTest, public ::testing::WithParamInterface<Sdk> {
  protected:
    std::unique_ptr<SdkClient> client(std::vector<std::string> more = {},
                                      const std::string& channel = "room") {
        return SdkTest::client(GetParam(), channel, std::move(more));
    }
};

TEST_P(SdkListTest, TheSubprotocolIsEchoedAndAllFramesAreText) {
    const std::string ticket = token("7");
    const auto ada = client({"--token", ticket, "--presence", "--history"});
    EXPECT_EQ(ada->next("opened", kStart), json::value(ticket));
    const std::string id = joined(*ada);
    EXPECT_TRUE(roster_becomes(*ada, {member_of(id, "7")}));
    const auto eve = client();
    EXPECT_EQ(eve->next("opened", kStart), json::value(""));
    for (const auto* one : {&ada, &eve}) {
        (*one)->message("fence");
        ASSERT_TRUE((*one)->frame("message"));
        (*one)->command({{"do", "not_text"}});
        EXPECT_EQ((*one)->next("not_text"), json::value(0));
    }
}

TEST_P(SdkListTest, JoiningTwiceIsOneRosterEntry) {
    const auto bob = client({"--presence"});
    const std::string bobs_id = joined(*bob);
    ASSERT_TRUE(bob->frame("presence_full"));
    // With two channel objects of one name the SDK joins twice.
    const auto ada = client({"--presence", "--second", "room"});
    const std::string adas_id = joined(*ada);
    ASSERT_TRUE(ada->frame("presence_full"));
    EXPECT_EQ(joined(*ada), adas_id);
    ASSERT_TRUE(ada->frame("presence_full"));
    ada->message("fence");
    EXPECT_EQ(count(frames_before(*bob, "fence"), "presence_update"), 1U);
    for (const auto* one : {&ada, &bob})
        EXPECT_TRUE(roster_becomes(**one, {member_of(adas_id), member_of(bobs_id)}));
}

TEST_P(SdkListTest, WhatIsQueuedBehindTheJoinIsDelivered) {
    const auto sdk = client({"--queued", "2"});
    for (const int number : {1, 2}) {
        const auto frame = sdk->frame("message", kStart);
        ASSERT_TRUE(frame);
        EXPECT_EQ(frame->at("payload"), json::value(number));
    }
}

TEST_P(SdkListTest, WhatIsForUsersReachesNoAnonymousMemberLiveOrInHistory) {
    const auto ada = client(as_user("7"));
    const auto bob = client(as_user("8"));
    const auto eve = client();
    for (const auto* one : {&ada, &bob, &eve}) ASSERT_NE(joined(**one), "");
    ada->message("for users", {{"authenticated", true}});
    ASSERT_TRUE(ada->frame("message"));
    post("room", "for the table", {{"to", {{"dbo_id", 1}}}});
    post("room", "for 8", {{"to", {{"dbo_id", 1}, {"row_id", 8}}}});
    ada->message("for all");
    EXPECT_THAT(texts_before(*ada, "for all"), ElementsAre("for the table"));
    EXPECT_THAT(texts_before(*bob, "for all"), ElementsAre("for users", "for the table", "for 8"));
    EXPECT_THAT(texts_before(*eve, "for all"), IsEmpty());
    for (const auto* one : {&ada, &bob, &eve}) (*one)->command({{"do", "history"}});
    EXPECT_THAT(texts_of_history(*ada), ElementsAre("for users", "for the table", "for all"));
    EXPECT_THAT(texts_of_history(*bob), ElementsAre("for users", "for the table", "for 8", "for all"));
    EXPECT_THAT(texts_of_history(*eve), ElementsAre("for all"));
    const auto late = client({"--history"});
    ASSERT_NE(joined(*late), "");
    EXPECT_THAT(texts_of_history(*late), ElementsAre("for all"));
}

TEST_P(SdkListTest, APrivateMessageReachesExactlyOneSocket) {
    const auto ada = client(as_user("7", {"--presence"}));
    const auto bob = client();
    const auto carl = client();
    const std::string adas_id = joined(*ada);
    const std::string bobs_id = joined(*bob);
    const std::string carls_id = joined(*carl);
    ASSERT_TRUE(roster_becomes(*ada, {member_of(adas_id, "7"), member_of(bobs_id), member_of(carls_id)}));
    ada->command({{"do", "private"}, {"socketId", bobs_id}, {"payload", "psst"}});
    const std::optional<json::object> frame = bob->frame("message");
    EXPECT_EQ(at_path(frame, "payload"), "psst");
    EXPECT_EQ(at_path(frame, "options.socketId"), adas_id.c_str());
    EXPECT_EQ(at_path(frame, "client"), member_of(adas_id, "7"));
    ada->message("for all");
    for (const auto* one : {&ada, &bob, &carl}) EXPECT_THAT(texts_before(**one, "for all"), IsEmpty());
    carl->command({{"do", "history"}});
    EXPECT_THAT(texts_of_history(*carl), ElementsAre("for all"));
    ada->message("psst", {{"socketId", "nobody"}});
    EXPECT_EQ(code_of_next_error(*ada), "not_delivered");
}

TEST_P(SdkListTest, HistoryComesToTheAskerOnly) {
    for (const char* text : {"one", "two"}) post("room", text);
    const auto ada = client({"--presence"});
    const auto bob = client();
    const std::string adas_id = joined(*ada);
    const std::string bobs_id = joined(*bob);
    ASSERT_TRUE(roster_becomes(*ada, {member_of(adas_id), member_of(bobs_id)}));
    ada->command({{"do", "history"}});
    EXPECT_THAT(texts_of_history(*ada), ElementsAre("one", "two"));
    ada->command({{"do", "member_history"}, {"socketId", bobs_id}});
    EXPECT_THAT(texts_of_history(*ada), ElementsAre("one", "two"));
    ada->message("fence");
    EXPECT_EQ(count(frames_before(*bob, "fence"), "history"), 0U);
}

TEST_P(SdkListTest, AnErrorReachesOnlyTheHandlerOfItsChannel) {
    const auto sdk = client({"--second", "$share/not/for/browsers"});
    std::size_t errors = 0;
    bool fence = false;
    while (!fence) {
        const std::optional<json::object> line = sdk->next_line(kStart);
        ASSERT_TRUE(line);
        EXPECT_FALSE(line->contains("error"));
        if (const json::value* error = line->if_contains("second_error")) {
            EXPECT_EQ(error->at("payload").at("code"), "invalid_channel");
            if (++errors == 1) sdk->message("fence");
        }
        const json::value* frame = line->if_contains("frame");
        if (frame == nullptr) continue;
        EXPECT_NE(frame->at("action"), "error");
        fence = frame->at("action") == "message";
    }
    EXPECT_GE(errors, 1U);
}

TEST_P(SdkListTest, WhatTheServerAddsStandsInOptions) {
    const auto ada = client(as_user("7"));
    const std::string id = joined(*ada);
    ASSERT_NE(id, "");
    post("room", {{"n", 1}});
    ada->message({{"n", 2}}, {{"mood", "good"}});
    const auto event = ada->frame("event");
    const auto message = ada->frame("message");
    ASSERT_TRUE(event && message);
    EXPECT_EQ(event->at("payload"), (json::value{{"data", {{"n", 1}}}}));
    EXPECT_EQ(message->at("payload"), (json::value{{"n", 2}}));
    EXPECT_EQ(message->at("client"), member_of(id, "7"));
    int seq = 0;
    for (const auto* frame : {&event, &message}) {
        EXPECT_EQ(at_path(*frame, "options.channel"), "room");
        EXPECT_EQ(at_path(*frame, "options.seq"), ++seq);
        for (const char* key : {"options.epoch", "options.id", "options.at"})
            EXPECT_TRUE(at_path(*frame, key).is_string()) << key;
    }
    EXPECT_FALSE(message->at("options").as_object().contains("mood")) << "what a client says of its own";
}

TEST_P(SdkListTest, WhatARuleRefusesIsAnErrorOfItsChannel) {
    const auto ada = client(as_user("7"), "stage/main");
    const auto eve = client({"--second", "members/only", "--presence"}, "stage/main");
    const std::string adas_id = joined(*ada);
    const std::string eves_id = joined(*eve);
    const std::optional<json::value> refusal = eve->next("second_error");
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->at("payload").at("message"), "Anonymous clients cannot join this channel.");
    ASSERT_TRUE(roster_becomes(*eve, {member_of(adas_id, "7"), member_of(eves_id)}));
    eve->message("not allowed");
    EXPECT_EQ(code_of_next_error(*eve), "not_authorised");
    eve->command({{"do", "private"}, {"socketId", adas_id}, {"payload", "psst"}});
    EXPECT_EQ(code_of_next_error(*eve), "not_authorised");
    ada->message("from a user");
    EXPECT_THAT(texts_before(*ada, "from a user"), IsEmpty());
    post("stage/main", "from a backend");
    const std::optional<json::value> first = eve->next("frame");
    ASSERT_TRUE(first);
    EXPECT_EQ(text_of(*first), "from a backend") << "the audience is authenticated";
}

TEST_P(SdkListTest, WhoDestroysAChannelHasLeftIt) {
    const auto bob = client({"--presence"});
    const std::string bobs_id = joined(*bob);
    const auto ada = client({"--presence", "--second", "other"});
    const std::string adas_id = joined(*ada);
    ASSERT_TRUE(roster_becomes(*bob, {member_of(adas_id), member_of(bobs_id)}));
    ada->command({{"do", "destroy"}});
    ASSERT_TRUE(roster_becomes(*bob, {member_of(bobs_id)}));
    post("other", "seen");
    const std::optional<json::object> event = ada->frame("event", kPatience, "second");
    ASSERT_TRUE(event);
    EXPECT_EQ(text_of(*event), "seen");
    ada->command({{"do", "destroy"}, {"second", true}});
    EXPECT_EQ(ada->next("closed"), json::value(1000));
}

INSTANTIATE_TEST_SUITE_P(Sdks, SdkListTest, ::testing::ValuesIn(kSdks),
                         [](const auto& sdk) { return std::string(sdk.param.name); });

/// What takes a second because the SDK waits: all SDKs at once.
class EverySdkTest : public SdkTest {
  protected:
    using Clients = std::vector<std::unique_ptr<SdkClient>>;
    Clients clients(const std::vector<std::string>& more, const std::string& key = "default") {
        Clients all;
        for (const Sdk& sdk : kSdks) all.push_back(client(sdk, "room", more, key));
        return all;
    }
    static void expect_error_and_close(const Clients& clients, const char* code) {
        for (const auto& sdk : clients) {
            std::vector<json::value> errors;
            std::optional<json::object> line = sdk->next_line(kStart);
            for (; line && !line->contains("closed"); line = sdk->next_line()) {
                if (const json::value* error = line->if_contains("error"))
                    errors.push_back(error->at("payload").at("code"));
            }
            EXPECT_THAT(errors, ElementsAre(json::value(code)));
            ASSERT_TRUE(line);
            EXPECT_EQ(line->at("closed"), 4401);
        }
    }
    /// The SDK waits a second before it comes back: longer than that, and by the same clock.
    static void expect_no_second_try(const Clients& clients) {
        for (const auto& sdk : clients) sdk->command({{"do", "wait"}, {"ms", 1500}});
        for (const auto& sdk : clients) {
            std::optional<json::object> line = sdk->next_line();
            for (; line && !line->contains("waited"); line = sdk->next_line())
                EXPECT_FALSE(line->contains("dial"));
            EXPECT_TRUE(line);
        }
    }
};

TEST_F(EverySdkTest, AWrongKeyOrABadTokenIsOneErrorAndNoSecondTry) {
    Clients all = clients({}, "wrong");
    Clients others = clients({"--token", "not.a.token"});
    expect_error_and_close(all, "unknown_key");
    expect_error_and_close(others, "token_not_verified");
    std::ranges::move(others, std::back_inserter(all));
    expect_no_second_try(all);
}

TEST_F(EverySdkTest, IsClosedWith1012AtShutdownComesBackAndJoinsAgain) {
    const Clients all = clients({"--history", "--presence"});
    for (const auto& sdk : all) ASSERT_NE(joined(*sdk), "");
    post("room", "before");
    for (const auto& sdk : all) ASSERT_TRUE(sdk->frame("event"));
    ASSERT_EQ(server().stop(), 0);
    for (const auto& sdk : all) EXPECT_EQ(sdk->next("closed"), json::value(1012));
    server().start();
    for (const auto& sdk : all) {
        EXPECT_NE(joined(*sdk), "");
        EXPECT_THAT(texts_of_history(*sdk), ElementsAre("before"));
        EXPECT_TRUE(sdk->frame("presence_full"));
    }
    post("room", "after");
    for (const auto& sdk : all) {
        const auto event = sdk->frame("event");
        EXPECT_EQ(at_path(event, "payload.data"), "after");
        EXPECT_EQ(at_path(event, "options.seq"), 2);
        EXPECT_TRUE(eventually([&] { return sdk->presence().size() == all.size(); }));
    }
}

TEST_F(EverySdkTest, ComesBackWithTheTokenItWasGiven) {
    const Clients all = clients({"--presence", "--second", "members/only"});
    for (const auto& sdk : all) {
        EXPECT_EQ(sdk->next("opened", kStart), json::value(""));
        ASSERT_NE(joined(*sdk), "");
        EXPECT_TRUE(sdk->next("second_error"));
    }
    const std::string ticket = token("7");
    for (const auto& sdk : all) sdk->command({{"do", "token"}, {"token", ticket}});
    for (const auto& sdk : all) {
        EXPECT_EQ(sdk->next("closed"), json::value(4000));
        ASSERT_EQ(sdk->next("opened"), json::value(ticket));
        const std::string id = joined(*sdk);
        EXPECT_NE(id, "");
        ASSERT_TRUE(sdk->frame("presence_full"));
        EXPECT_TRUE(sdk->frame("join", kPatience, "second"));
        const json::array roster = sdk->presence();
        EXPECT_EQ(std::ranges::count(roster, json::value(member_of(id, "7"))), 1);
    }
    for (const auto& sdk : all) EXPECT_TRUE(eventually([&] { return sdk->presence().size() == all.size(); }));
}

class TolerantSdkTest : public EverySdkTest {
  protected:
    std::string more_yaml() const override { return "realtime: {bad_token: anonymous}\n"; }
};

TEST_F(TolerantSdkTest, ABadTokenIsAnErrorAndAnAnonymousMember) {
    for (const auto& sdk : clients({"--token", "not.a.token", "--presence"})) {
        EXPECT_EQ(sdk->next("opened", kStart), json::value("not.a.token"));
        EXPECT_EQ(code_of_next_error(*sdk), "token_not_verified");
        const std::string id = joined(*sdk);
        ASSERT_TRUE(sdk->frame("presence_full"));
        const json::array roster = sdk->presence();
        EXPECT_EQ(std::ranges::count(roster, json::value(member_of(id))), 1);
        // All are in one room: this is the message of its own.
        sdk->message(json::string(id));
        std::optional<json::object> message = sdk->frame("message");
        while (message && message->at("payload") != json::string(id)) message = sdk->frame("message");
        EXPECT_EQ(at_path(message, "client"), member_of(id));
    }
}

}  // namespace
}  // namespace millrace::system_test
