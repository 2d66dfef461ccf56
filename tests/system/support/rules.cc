#include "tests/system/support/rules.h"

#include <algorithm>
#include <iostream>
#include <set>
#include <sstream>

namespace millrace::system_test {
namespace {

constexpr const char* kBackend = "the-key-of-a-backend";

/// `anonymous: true`, `publish: anyone` as the YAML of a rule.
std::string yaml_of(std::string cell) {
    std::erase(cell, '`');
    return cell;
}

}  // namespace

Rows table(const std::string& beginning) {
    Rows rows;
    std::istringstream lines(read_file(source_directory() / "docs/channels.md"));
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("| `" + beginning)) continue;
        std::vector<std::string>& cells = rows.emplace_back();
        std::istringstream rest(line.substr(2));
        for (std::string cell; std::getline(rest, cell, '|');) {
            while (cell.ends_with(' ')) cell.pop_back();
            cells.push_back(cell.substr(std::min(cell.find_first_not_of(' '), cell.size())));
        }
    }
    return rows;
}

std::string channel_of(const std::string& cell) {
    std::string name = yaml_of(cell);
    std::erase_if(name, [](char c) { return c == ' ' || c == ':' || c == ','; });
    return "rules/" + name;
}

std::string in_path(std::string_view channel) {
    std::string path;
    for (const char c : channel) path += c == '/' ? std::string("%2F") : c == '+' ? "%2B" : std::string(1, c);
    return path;
}

std::string authorization(const std::string& credential) {
    return credential.empty() ? std::string() : "Authorization: Bearer " + credential + "\r\n";
}

void RulesTest::SetUp() {
    std::set<std::string> rules;
    for (const char* beginning : {"anonymous: ", "audience: ", "private: "})
        for (const auto& row : table(beginning)) rules.insert(row.at(0));
    ASSERT_EQ(rules.size(), 11U);
    std::string yaml = "threads: 2\nstore: {url: \"" + store_.url() +
                       "\"}\n"
                       "auth: {anonymous: true, api_keys: [the-key-of-a-backend],\n"
                       "       jwt: {secret: the-secret-of-the-tests-is-32-bytes}}\nchannels:\n";
    for (const std::string& rule : rules)
        yaml += "  - {match: " + channel_of(rule) + "/#, " + yaml_of(rule) + "}\n";
    server_ = std::make_unique<Server>(Server::Yaml{yaml});
    server_->start();
    credentials_ = {{"anonymous", ""},
                    {"user", server_->token("7")},
                    {"other", server_->token("8")},
                    {"backend", kBackend}};
}

void RulesTest::TearDown() {
    EXPECT_EQ(server_->stop(), 0) << "after SIGTERM";
    if (HasFailure()) std::cerr << "--- the server's log\n" << server_->log() << "---\n";
}

HttpAnswer RulesTest::ask(const std::string& credential, std::string_view method, const std::string& target,
                          const std::string& body) const {
    HttpConnection connection(http());
    return connection.request(method, target, body,
                              "Content-Type: application/json\r\n" + authorization(credential));
}

std::size_t RulesTest::count_stored(const std::string& channel) const {
    const std::string target = "/v1/channels/" + in_path(channel) + "/messages";
    return ask(kBackend, "GET", target).json().at("messages").as_array().size();
}

void RulesTest::publish(const std::string& who, const std::string& channel, const std::string& text,
                        const std::string& more) const {
    const std::string body =
        R"({"channel":")" + channel + R"(","data":")" + text + R"(","type":"message")" + more + "}";
    const HttpAnswer answer = ask(credential_of(who), "POST", "/v1/publish", body);
    ASSERT_EQ(answer.status, 201) << answer.body;
}

void RulesTest::publish_with_sql(const std::string& channel, const std::string& text,
                                 const std::string& more) const {
    store_.query("select millrace.publish('" + channel + "', '\"" + text + "\"', type => 'message'" + more +
                 ")");
}

}  // namespace millrace::system_test
