#include "http/batch.h"

#include <algorithm>
#include <vector>

#include "core/json_text.h"
#include "core/message_json.h"
#include "http/publish.h"
#include "http/session.h"

namespace millrace::http {
namespace {

/// What is known of one message of the batch.
struct Entry {
    Submission submission;
    PublishResult result;
};

void append_entry(ByteBuffer& out, const Entry& entry, std::string_view epoch) {
    const Submission& submission = entry.submission;
    if (submission.refusal || entry.result.error) {
        out.append("{");
        append_problem_members(out,
                               submission.refusal ? *submission.refusal : problem_of(entry.result.error));
    } else {
        const bool stored = entry.result.seq != 0;
        out.append("{\"status\":");
        append_decimal(out, stored ? stored_status(entry.result) : 202);
        out.append(",");
        append_receipt(out, *submission.message, epoch, stored ? &entry.result : nullptr);
    }
    out.append("}");
}

void answer_batch(Session& session, const std::vector<Entry>& entries) {
    ByteBuffer& body = session.server().scratch();
    body.append("{\"results\":[");
    for (const Entry& entry : entries) {
        if (&entry != &entries.front()) body.append(",");
        append_entry(body, entry, session.server().epoch());
    }
    body.append("]}");
    session.answer({.status = 200, .content_type = kJson, .body = body.text(), .headers = {}});
}

/// The commits of those messages that go to the store.
class WaitingForBatch final : public Waiting {
  public:
    WaitingForBatch(std::vector<Entry> entries, std::size_t pending)
        : entries_(std::move(entries)), pending_(pending) {}

    void on_published(Session& session, std::size_t index, const PublishResult& result) override {
        if (index >= entries_.size()) return;
        entries_[index].result = result;
        end_one(session);
    }
    void on_denied(Session& session, std::size_t index, std::string_view reason) override {
        if (index >= entries_.size()) return;
        entries_[index].submission.refusal = denial(reason);
        end_one(session);
    }

  private:
    void end_one(Session& session) {
        if (--pending_ == 0) answer_batch(session, entries_);
    }

    std::vector<Entry> entries_;
    std::size_t pending_;
};

std::optional<Problem> split_lines(std::string_view body, std::vector<std::string_view>& messages) {
    while (!body.empty()) {
        const std::string_view line = body.substr(0, body.find('\n'));
        body.remove_prefix(std::min(body.size(), line.size() + 1));
        if (!trim_json(line).empty()) messages.push_back(line);
    }
    return std::nullopt;
}

std::optional<Problem> split_array(std::string_view body, std::vector<std::string_view>& messages) {
    constexpr std::string_view kFault = "the body must be {\"messages\":[…]}";
    if (classify(as_bytes(body)) != Encoding::json) return bad_request("the body is not valid JSON");
    body = trim_json(body);
    if (!body.starts_with('{')) return bad_request(kFault);
    std::string_view array;
    JsonItems members(body);
    while (members.next()) {
        if (members.name() == "messages") array = members.value();
    }
    if (!array.starts_with('[')) return bad_request(kFault);
    JsonItems elements(array);
    while (elements.next()) messages.push_back(elements.value());
    return std::nullopt;
}

Submission submit_text(Exchange& exchange, std::string_view json, bool checked, std::uint64_t token) {
    Submission submission;
    if (!checked && classify(as_bytes(json)) != Encoding::json) {
        submission.refusal = bad_request("the line is not valid JSON");
        return submission;
    }
    Draft draft;
    submission.refusal = read_draft(json, draft);
    return submission.refusal ? std::move(submission) : submit(exchange, draft, token);
}

}  // namespace

void publish_batch(Exchange& exchange) {
    const Request& request = exchange.request;
    if (auto problem = check_json_type(request)) return exchange.session.fail(*problem);
    const bool lines = request.content_type.find("ndjson") != std::string_view::npos;
    std::vector<std::string_view> messages;
    auto problem = lines ? split_lines(request.body, messages) : split_array(request.body, messages);
    if (problem) return exchange.session.fail(*problem);
    if (messages.size() > exchange.server.config().limits.http_batch_messages) {
        return exchange.session.fail({.status = 413,
                                      .detail = "the batch has too many messages",
                                      .limit = "limits.http_batch_messages",
                                      .headers = {}});
    }
    std::vector<Entry> entries;
    entries.reserve(messages.size());
    std::size_t pending = 0;
    for (const std::string_view json : messages) {
        const std::uint64_t token = exchange.session.token() + entries.size();
        entries.push_back({submit_text(exchange, json, !lines, token), {}});
        if (entries.back().submission.pending) ++pending;
    }
    if (pending == 0) return answer_batch(exchange.session, entries);
    exchange.session.wait(std::make_unique<WaitingForBatch>(std::move(entries), pending));
}

}  // namespace millrace::http
