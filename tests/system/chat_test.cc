// The chat examples in Chromium: who is here, what they say, and what a latecomer sees.
#include <algorithm>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

#include "tests/system/support/node_client.h"
#include "tests/system/support/system_test.h"

namespace millrace::system_test {
namespace {

namespace json = boost::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

std::vector<std::string> texts(const json::object& step, const char* page, const char* list) {
    std::vector<std::string> found;
    for (const json::value& text : step.at(page).at(list).as_array())
        found.emplace_back(text.as_string().c_str());
    return found;
}

/// The socketId that a page shows as its own; empty when it is not exactly one.
std::string own_entry(const json::object& step, const char* page) {
    const std::vector<std::string> own = texts(step, page, "me");
    return own.size() == 1 ? own[0] : "";
}

class ChatTest : public SystemTest {
  protected:
    /// Two members talk, a latecomer sees it, one leaves.
    void talk(const std::string& example);
    /// The pages' views at the next step; an empty object when they never came to it.
    json::object step(NodeClient& pages, const std::string& name) {
        while (const std::optional<json::object> line = pages.next(30s)) {
            EXPECT_FALSE(line->contains("page_error")) << json::serialize(*line);
            if (line->contains("failed")) ADD_FAILURE() << json::serialize(*line);
            if (const json::value* found = line->if_contains("step")) {
                EXPECT_EQ(*found, name.c_str());
                return *line;
            }
            report_ += json::serialize(*line) + "\n";
        }
        ADD_FAILURE() << "no step " << name << "\n" << report_ << pages.process().error_text();
        return {};
    }

  private:
    std::string report_;  // what the browser complained about on the way
};

void ChatTest::talk(const std::string& example) {
    std::ostringstream picture;
    picture << std::filesystem::current_path().string() << "/" << example << "-" << GetParam() << ".png";
    std::filesystem::remove(picture.str());
    NodeClient pages("chat_pages.mjs", {"--url", server().http_url("/examples/" + example + "/"),
                                        "--screenshot", picture.str()});

    const json::object both = step(pages, "both-in");
    ASSERT_FALSE(HasFailure());
    const std::string hulk = own_entry(both, "hulk");
    const std::string thor = own_entry(both, "thor");
    for (const char* page : {"hulk", "thor"}) {
        EXPECT_THAT(texts(both, page, "members"), UnorderedElementsAre(hulk, thor)) << page;
    }

    step(pages, "first-word");
    const json::object answer = step(pages, "answer");
    ASSERT_FALSE(HasFailure());
    for (const char* page : {"hulk", "thor"}) {
        EXPECT_THAT(texts(answer, page, "messages"),
                    ElementsAre(HasSubstr("Hulk smash"), HasSubstr("I am worthy")));
    }
    const json::object third = step(pages, "third-in");
    const json::object history = step(pages, "history");
    ASSERT_FALSE(HasFailure());
    const std::string loki = own_entry(third, "loki");
    for (const char* page : {"hulk", "thor", "loki"}) {
        EXPECT_THAT(texts(third, page, "members"), UnorderedElementsAre(hulk, thor, loki)) << page;
    }
    EXPECT_THAT(texts(history, "loki", "messages"),
                ElementsAre(HasSubstr("Hulk smash"), HasSubstr("I am worthy")));

    const json::object closed = step(pages, "one-closed");
    ASSERT_FALSE(HasFailure());
    for (const char* page : {"hulk", "loki"}) {
        EXPECT_THAT(texts(closed, page, "members"), UnorderedElementsAre(hulk, loki)) << page;
    }
    EXPECT_EQ(pages.process().wait(20s), 0) << pages.process().error_text();
    EXPECT_GT(std::filesystem::file_size(picture.str()), 1000U);
    EXPECT_THAT(
        store().query("select count(*) from " + store().messages() + " where channel = 'marvel_chat_room'"),
        ElementsAre("2"));
}

TEST_P(ChatTest, PagesTalkLatecomerSeesHistoryRostersAreRight) {
    talk("chat");
}

TEST_P(ChatTest, TheFirstChatOfTheManualDoesTheSame) {
    talk("first_chat");
    const std::string script = read_file(source_directory() / "examples/first_chat/first_chat.js");
    EXPECT_LT(std::ranges::count(script, '\n'), 40);
}

MILLRACE_ON_BOTH_STORES(ChatTest);

}  // namespace
}  // namespace millrace::system_test
