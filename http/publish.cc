#include "http/publish.h"

#include "core/channel_name.h"
#include "core/compact_json.h"
#include "core/json_text.h"
#include "core/message_json.h"
#include "http/session.h"
#include "http/target.h"
#include "mqtt/broker/client_message.h"
#include "store/message_id.h"

namespace millrace::http {
namespace {

/// Of a client that has no socket to be written to.
constexpr std::string_view kSocketId = "http";

void answer_receipt(Session& session, const Message& message, const PublishResult* stored) {
    ByteBuffer& body = session.server().scratch();
    body.append("{");
    append_receipt(body, message, session.server().epoch(), stored);
    body.append("}");
    const unsigned status = stored == nullptr || stored->seq == 0 ? 202 : stored_status(*stored);
    session.answer({.status = status, .content_type = kJson, .body = body.text(), .headers = {}});
}

/// The commit of one message.
class WaitingForCommit final : public Waiting {
  public:
    explicit WaitingForCommit(MessagePtr message) : message_(std::move(message)) {}
    void on_published(Session& session, std::size_t, const PublishResult& result) override {
        if (result.error) return session.fail(problem_of(result.error));
        answer_receipt(session, *message_, &result);
    }
    void on_denied(Session& session, std::size_t, std::string_view reason) override {
        session.fail(denial(reason));
    }

  private:
    MessagePtr message_;
};

void publish_one(Exchange& exchange, const Submission& submission) {
    if (submission.refusal) return exchange.session.fail(*submission.refusal);
    if (submission.pending)
        return exchange.session.wait(std::make_unique<WaitingForCommit>(submission.message));
    answer_receipt(exchange.session, *submission.message, nullptr);
}

std::string_view unquoted(std::string_view text) {
    const bool quoted = text.size() >= 2 && text.front() == '"' && text.back() == '"';
    return quoted ? text.substr(1, text.size() - 2) : text;
}

/// The header Idempotency-Key says the same as `id`; as a structured field it may stand in quotes.
std::optional<Problem> take_key_header(const Request& request, Draft& draft) {
    if (request.idempotency_key.data() == nullptr) return std::nullopt;
    const std::string_view key = unquoted(request.idempotency_key);
    if (!is_idempotency_key(key)) return bad_request("Idempotency-Key must have 1 to 255 bytes");
    if (!draft.id.empty() && draft.id != key) return bad_request("Idempotency-Key and `id` differ");
    draft.id = key;
    return std::nullopt;
}

/// MQTT 5.0 3.3.2.3.9: the content type property, a UTF-8 string, from the header. What a form library sends
/// by itself says nothing about the payload.
void append_content_type(ByteBuffer& properties, std::string_view content_type) {
    constexpr std::uint8_t kContentType = 0x03;
    constexpr std::string_view kForm = "application/x-www-form-urlencoded";
    if (content_type.empty() || content_type.starts_with(kForm)) return;
    for (const char c : content_type) {
        if (c < 0x20 || c > 0x7e) return;
    }
    properties.u8(kContentType);
    properties.u16(static_cast<std::uint16_t>(content_type.size()));
    properties.append(content_type);
}

Problem refusal_of(Exchange& exchange, error_code error, MessageKind kind, std::string_view channel) {
    Problem problem = problem_of(error);
    if (error != Errc::not_authorised) return problem;
    const access::Action action = access::publish_action(kind);
    const access::Decision decision = exchange.server.authoriser().may(*exchange.principal, action, channel);
    problem.detail =
        decision.allowed ? "only the server writes to this channel" : std::string(decision.reason);
    return problem;
}

Submission publish_fields(Exchange& exchange, MessageFields& fields, std::uint64_t token) {
    mqtt::Broker& broker = exchange.server.broker();
    const access::Authoriser& authoriser = broker.authoriser();
    const access::Principal& principal = *exchange.principal;
    const config::ChannelRule& rule = authoriser.rule_for(fields.channel);
    Submission submission;
    if (fields.audience.dbo_id != 0) {
        const auto decision = authoriser.may(principal, access::Action::publish_private, fields.channel);
        if (!decision.allowed) {
            submission.refusal = problem_of(Errc::not_authorised);
            submission.refusal->detail = decision.reason;
            return submission;
        }
    }
    std::string client;
    if (fields.kind == MessageKind::message && principal.kind != access::Principal::Kind::backend)
        fields.client = client = mqtt::describe_writer(kSocketId, principal);
    std::string made_id;
    if (!rule.store && fields.id.empty()) fields.id = made_id = exchange.server.make_id();
    submission.message = Message::create(fields);
    mqtt::PublishRequest request{.principal = &principal,
                                 .message = submission.message,
                                 .waiter = exchange.session.connection().id(),
                                 .token = token,
                                 .door = hooks::Door::http};
    const Result<mqtt::PublishState> state = broker.publish(request);
    if (state.has_error()) {
        submission.refusal = refusal_of(exchange, state.error(), fields.kind, fields.channel);
    } else {
        submission.pending = *state == mqtt::PublishState::pending;
    }
    return submission;
}

}  // namespace

void append_receipt(ByteBuffer& out, const Message& message, std::string_view epoch,
                    const PublishResult* stored) {
    out.append("\"id\":");
    // A live message that waited for a hook has ended without one.
    const std::uint64_t seq = stored != nullptr ? stored->seq : 0;
    append_json_string(out, store::message_id(message, epoch, seq));
    out.append(",\"channel\":");
    append_json_string(out, message.channel());
    if (seq != 0) {
        out.append(",\"seq\":");
        append_decimal(out, seq);
        out.append(",\"epoch\":");
        append_json_string(out, epoch);
    }
    out.append(",\"at\":");
    append_json_time(out, stored != nullptr ? stored->at_us : message.at_us());
}

Submission submit(Exchange& exchange, const Draft& draft, std::uint64_t token) {
    ByteBuffer& payload = exchange.server.scratch();
    append_compact(payload, draft.data);
    MessageFields fields;
    fields.channel = draft.channel;
    fields.payload = payload.view();
    fields.kind = draft.kind;
    fields.encoding = Encoding::json;
    fields.qos = kQosOfSubscription;
    fields.retain = draft.retain;
    fields.id = draft.id;
    fields.audience = draft.audience;
    return publish_fields(exchange, fields, token);
}

void publish_json(Exchange& exchange) {
    const Request& request = exchange.request;
    if (auto problem = check_json_type(request)) return exchange.session.fail(*problem);
    if (classify(as_bytes(request.body)) != Encoding::json) {
        return exchange.session.fail(
            bad_request("the body is not valid JSON, or nested deeper than 32 levels"));
    }
    Draft draft;
    if (auto problem = read_draft(request.body, draft)) return exchange.session.fail(*problem);
    if (auto problem = take_key_header(request, draft)) return exchange.session.fail(*problem);
    publish_one(exchange, submit(exchange, draft, exchange.session.token()));
}

void publish_raw(Exchange& exchange) {
    const Request& request = exchange.request;
    const std::optional<std::string> channel = percent_decode(exchange.parameter);
    if (!channel || !is_channel_name(*channel)) {
        return exchange.session.fail(bad_request("the path does not name a channel"));
    }
    Draft draft;
    if (auto problem = take_key_header(request, draft)) return exchange.session.fail(*problem);
    ByteBuffer properties;
    append_content_type(properties, request.content_type);
    MessageFields fields;
    fields.channel = *channel;
    fields.payload = as_bytes(request.body);
    fields.kind = MessageKind::event;
    fields.qos = kQosOfSubscription;
    fields.id = draft.id;
    fields.properties = properties.view();
    publish_one(exchange, publish_fields(exchange, fields, exchange.session.token()));
}

}  // namespace millrace::http
