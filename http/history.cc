#include "http/history.h"

#include <algorithm>

#include "core/channel_name.h"
#include "core/message_json.h"
#include "http/answer_address.h"
#include "http/join_hook.h"
#include "http/publish.h"
#include "http/session.h"
#include "http/target.h"
#include "mqtt/broker/readable_page.h"
#include "store/message_id.h"

namespace millrace::http {
namespace {

/// Empty: the range is well described.
std::string_view read_range(const Request& request, std::size_t limit_max, store::Range& range) {
    std::optional<std::uint64_t> limit;
    if (!read_number(request.query, "after", range.after)) return "`after` must be a number";
    if (!read_number(request.query, "before", range.before)) return "`before` must be a number";
    if (!read_time(request.query, "since", range.since_us))
        return "`since` must be a time of RFC 3339, or milliseconds since 1970";
    if (!read_time(request.query, "until", range.until_us))
        return "`until` must be a time of RFC 3339, or milliseconds since 1970";
    if (!read_number(request.query, "limit", limit) || limit == 0U)
        return "`limit` must be a positive number";
    const std::uint64_t wanted = std::min<std::uint64_t>(limit.value_or(100), limit_max);
    range.limit = static_cast<std::uint32_t>(wanted);
    return {};
}

class WaitingForPage final : public Waiting {
  public:
    void on_page(Session& session, const Result<mqtt::ReadablePage>& page) {
        if (page.has_error()) return session.fail(problem_of(page.error()));
        ByteBuffer& body = session.server().scratch();
        append_page(body, *page, session.server().epoch());
        session.answer({.status = 200,
                        .content_type = kJson,
                        .body = body.text(),
                        .headers = "Cache-Control: no-store\r\n"});
    }

  private:
    static void append_page(ByteBuffer& out, const mqtt::ReadablePage& page, std::string_view epoch) {
        out.append("{\"messages\":[");
        bool first = true;
        for (const MessagePtr& message : page.messages()) {
            if (!first) out.append(",");
            first = false;
            append_json_message(out, *message, store::message_id(*message, epoch));
        }
        out.append("],\"epoch\":");
        append_json_string(out, epoch);
        out.append(",\"first\":");
        append_decimal(out, page.first());
        out.append(",\"last\":");
        append_decimal(out, page.last());
        out.append(page.more() ? ",\"more\":true,\"next\":" : ",\"more\":false,\"next\":null}");
        if (!page.more()) return;
        append_decimal(out, page.next());
        out.append("}");
    }
};

void read_page(Session& session, const store::Range& range, const access::PrincipalPtr& principal) {
    session.wait(std::make_unique<WaitingForPage>());
    auto done = [address = AnswerAddress(session)](const Result<mqtt::ReadablePage>& page) {
        address.give<WaitingForPage>(
            [&](Session& asking, WaitingForPage& waiting) { waiting.on_page(asking, page); });
    };
    Server& server = session.server();
    const mqtt::ReadablePage::Limits limits{.scan_messages = server.config().limits.history_scan_messages};
    mqtt::read(server.broker(), {range, principal, limits}, std::move(done));
}

}  // namespace

void serve_history(Exchange& exchange) {
    Server& server = exchange.server;
    const std::optional<std::string> channel = percent_decode(exchange.parameter);
    if (!channel || !is_channel_name(*channel)) {
        return exchange.session.fail(bad_request("the path does not name a channel"));
    }
    store::Range range;
    const std::string_view fault =
        read_range(exchange.request, server.config().limits.history_page_messages, range);
    if (!fault.empty()) return exchange.session.fail(bad_request(fault));
    const auto decision =
        server.authoriser().may(*exchange.principal, access::Action::read_history, *channel);
    if (!decision.allowed) {
        Problem problem = problem_of(Errc::not_authorised);
        problem.detail = decision.reason;
        return exchange.session.fail(problem);
    }
    range.channel = *channel;
    auto read = [range, principal = exchange.principal](Session& session) {
        read_page(session, range, principal);
    };
    after_join_hook(exchange, *channel, hooks::Door::http, std::move(read));
}

}  // namespace millrace::http
