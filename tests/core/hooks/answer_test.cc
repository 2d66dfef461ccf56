#include "core/hooks/answer.h"

#include <gtest/gtest.h>

namespace millrace::hooks {
namespace {

constexpr Replaceable kJoin{};
constexpr Replaceable kMessage{.payload = true, .bytes = true, .was_text = false};
constexpr Replaceable kText{.payload = true, .bytes = true, .was_text = true};
constexpr Replaceable kPrivate{.payload = true, .bytes = false, .was_text = false};

Outcome outcome(unsigned status, std::string_view body, const Replaceable& replaceable = kJoin) {
    return read_answer(status, body, replaceable).outcome;
}

TEST(Answer, YesIsAnEmptyBodyOrSaidSo) {
    EXPECT_EQ(outcome(200, ""), Outcome::allowed);
    EXPECT_EQ(outcome(204, ""), Outcome::allowed);
    EXPECT_EQ(outcome(200, " \r\n"), Outcome::allowed);
    EXPECT_EQ(outcome(201, R"( {"allow" : true, "more": [1]} )"), Outcome::allowed);
}

TEST(Answer, NoComesWithItsReason) {
    const Verdict no = read_answer(200, R"({"allow":false,"reason":"n\u00f6t\n\u0000here"})", kJoin);
    EXPECT_EQ(no.outcome, Outcome::denied);
    EXPECT_EQ(no.reason, "nöt  here");
    EXPECT_EQ(no.detail, "");
    EXPECT_EQ(read_answer(403, R"({"reason":"closed"})", kJoin).reason, "closed");
    EXPECT_EQ(read_answer(200, R"({"\u0061llow":false})", kJoin).outcome, Outcome::denied);
    for (const char* body : {"", "Forbidden", "{", R"({"reason":7})", R"({"allow":true})"}) {
        const Verdict plain = read_answer(403, body, kJoin);
        EXPECT_EQ(plain.outcome, Outcome::denied) << body;
        EXPECT_EQ(plain.reason, "A hook of this channel does not allow it.") << body;
    }
}

// Bug class 28.
TEST(Answer, ALongReasonIsCutBetweenCharacters) {
    std::string body = R"({"allow":false,"reason":")" + std::string(511, 'a');
    body += "ö\"}";
    EXPECT_EQ(read_answer(200, body, kJoin).reason, std::string(511, 'a'));
}

// Bug class 28.
TEST(Answer, EverythingElseIsAFailure) {
    for (const unsigned status : {100U, 199U, 300U, 301U, 307U, 400U, 401U, 404U, 500U, 503U})
        EXPECT_EQ(outcome(status, R"({"allow":true})"), Outcome::bad_answer) << status;
    for (const char* body : {"true", "null", "[]", "yes", "{", "{}", R"({"allow":1})", R"({"allow":"true"})",
                             R"({"allow":null})", R"({"reason":"x"})", R"({"allow":true} x)", "\xff"})
        EXPECT_EQ(outcome(200, body), Outcome::bad_answer) << body;
    const Verdict failed = read_answer(500, "", kJoin);
    EXPECT_EQ(failed.detail, "has the status 500");
    EXPECT_EQ(failed.reason, "The hook of this channel has not given an answer.");
}

TEST(Answer, APayloadIsTakenAsItIsWritten) {
    const Verdict verdict =
        read_answer(200, R"({"payload": {"price": 3.10, "n": 12345678901234567890123}})", kMessage);
    ASSERT_TRUE(verdict.allowed());
    ASSERT_TRUE(verdict.payload);
    EXPECT_EQ(verdict.payload->bytes, R"({"price":3.10,"n":12345678901234567890123})");
    EXPECT_EQ(verdict.payload->encoding, Encoding::json);
    EXPECT_EQ(read_answer(200, R"({"allow":true,"payload":null})", kMessage).payload->bytes, "null");
    EXPECT_EQ(read_answer(200, R"({"payload":"text"})", kMessage).payload->bytes, "\"text\"");
}

TEST(Answer, WhatWasNoJsonStaysText) {
    EXPECT_EQ(read_answer(200, R"({"payload":"l\u00e4uft"})", kText).payload->bytes, "läuft");
    EXPECT_EQ(read_answer(200, R"({"payload":{"a":1}})", kText).payload->bytes, R"({"a":1})");
}

TEST(Answer, BytesComeAsBase64) {
    const Verdict verdict = read_answer(200, R"({"payload":"AAH/","encoding":"base64"})", kMessage);
    ASSERT_TRUE(verdict.payload);
    EXPECT_EQ(verdict.payload->bytes, std::string("\x00\x01\xff", 3));
    EXPECT_EQ(outcome(200, R"({"payload":"AAH/","encoding":"hex"})", kMessage), Outcome::bad_answer);
    EXPECT_EQ(outcome(200, R"({"payload":"?","encoding":"base64"})", kMessage), Outcome::bad_answer);
    EXPECT_EQ(outcome(200, R"({"payload":1,"encoding":"base64"})", kMessage), Outcome::bad_answer);
    EXPECT_EQ(outcome(200, R"({"payload":"AAH/","encoding":"base64"})", kPrivate), Outcome::bad_answer);
}

TEST(Answer, AJoinHasNoPayloadAndANoHasNone) {
    EXPECT_EQ(outcome(200, R"({"payload":1})", kJoin), Outcome::bad_answer);
    const Verdict no = read_answer(200, R"({"allow":false,"payload":1})", kMessage);
    EXPECT_EQ(no.outcome, Outcome::denied);
    EXPECT_FALSE(no.payload);
}

}  // namespace
}  // namespace millrace::hooks
