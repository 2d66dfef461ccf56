#include "http/event_stream.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/channel_name.h"
#include "core/message_json.h"
#include "http/join_hook.h"
#include "http/publish.h"
#include "http/session.h"
#include "http/target.h"
#include "mqtt/broker/entrance.h"

namespace millrace::http {
namespace {

bool is_legal(std::string_view channel, const config::Limits& limits) {
    const auto levels = static_cast<std::size_t>(std::ranges::count(channel, '/')) + 1;
    if (channel.size() > limits.topic_bytes || levels > limits.topic_levels) return false;
    if (channel.starts_with("$share/")) return false;
    return has_wildcard(channel) ? is_channel_filter(channel) : is_channel_name(channel);
}

/// A browser that reconnects repeats the address and adds the header, so the header is the later word.
bool read_position(const Request& request, std::optional<StreamPosition>& position) {
    if (!request.last_event_id.empty()) {
        position = parse_event_id(request.last_event_id);
        return true;
    }
    std::optional<std::uint64_t> after;
    if (!read_number(request.query, "after", after)) return false;
    if (after) position = {*after, std::string(query_parameter(request.query, "epoch").value_or(""))};
    return true;
}

access::Decision may_follow(const Server& server, const StreamRequest& request) {
    const access::Authoriser& authoriser = server.authoriser();
    return request.wildcard ? authoriser.may_subscribe(*request.principal, request.channel)
                            : authoriser.may(*request.principal, access::Action::join, request.channel);
}

void start_stream(Session& session, const StreamRequest& request) {
    auto stream = std::make_unique<EventStream>(session.server(), session.connection(), request);
    EventStream& started = *stream;
    if (!session.stream("text/event-stream", std::move(stream))) return;
    started.start();
    // Where a hook was waited for, nothing is being read that would change the protocol over.
    session.connection().resume();
}

}  // namespace

StreamPosition parse_event_id(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    const auto seq = colon == std::string_view::npos ? std::nullopt : parse_number(text.substr(colon + 1));
    if (!seq || colon == 0) return {.after = std::numeric_limits<std::uint64_t>::max(), .epoch = {}};
    return {.after = *seq, .epoch = std::string(text.substr(0, colon))};
}

void serve_stream(Exchange& exchange) {
    Server& server = exchange.server;
    Session& session = exchange.session;
    const std::optional<std::string> channel = percent_decode(exchange.parameter);
    if (!channel || !is_legal(*channel, server.config().limits)) {
        return session.fail(bad_request("the path names neither a channel nor a filter"));
    }
    StreamRequest request;
    request.channel = *channel;
    request.wildcard = has_wildcard(*channel);
    request.stored = !request.wildcard && server.authoriser().rule_for(*channel).store;
    request.principal = exchange.principal;
    if (!read_position(exchange.request, request.position)) {
        return session.fail(bad_request("`after` must be a number"));
    }
    const access::Decision decision = may_follow(server, request);
    if (!decision.allowed) {
        Problem problem = problem_of(Errc::not_authorised);
        problem.detail = decision.reason;
        return session.fail(problem);
    }
    auto start = [request = std::move(request)](Session& asking) { start_stream(asking, request); };
    after_join_hook(exchange, *channel, hooks::Door::sse, std::move(start));
}

EventStream::EventStream(Server& server, Connection& connection, StreamRequest request)
    : server_(server),
      connection_(connection),
      request_(std::move(request)),
      ahead_bytes_(std::min(store::kAheadBytes, server.config().limits.outbox_bytes / 4)) {}

EventStream::~EventStream() {
    leave();
}

void EventStream::start() {
    watch_time();
    server_.broker().subscribe(request_.channel, *this, {});
    subscribed_ = true;
    server_.shard().counters().event_streams.add();
    if (!request_.stored) {
        if (request_.position) send_reset({});
        return;
    }
    store::CatchUp::Follower& follower = *this;
    catch_up_ = std::make_unique<store::CatchUp>(follower, request_.channel, ahead_bytes_);
    if (request_.position) {
        const StreamPosition& position = *request_.position;
        const bool same_epoch = position.epoch.empty() || position.epoch == server_.epoch();
        return catch_up_->resume(position.after, same_epoch);
    }
    looking_for_end_ = true;
    read({.channel = request_.channel, .after = {}, .before = {}, .limit = 1});
}

void EventStream::read(store::Range range) {
    Shard& shard = server_.shard();
    // A connection that streams is not handed to another protocol.
    auto done = [&shard, id = connection_.id()](Result<store::Page> page) {
        Connection* connection = shard.connections().find(id);
        if (connection == nullptr || connection->closing()) return;
        static_cast<EventStream&>(connection->protocol()).on_page(std::move(page));
    };
    server_.broker().store().read(std::move(range), shard, std::move(done));
}

void EventStream::on_page(Result<store::Page> page) {
    if (!catch_up_) return;
    if (looking_for_end_ && page) return begin_at_end(*page);
    catch_up_->on_page(std::move(page));
}

/// An event without data is not dispatched, but a reader remembers its id: one that is cut before its first
/// message resumes from here.
void EventStream::begin_at_end(const store::Page& page) {
    looking_for_end_ = false;
    ByteBuffer& out = connection_.out().tail();
    append_position(out, page.last);
    out.append("\n");
    connection_.wake();
    catch_up_->join(page.last);
}

bool EventStream::has_room() {
    return connection_.out().bytes() <= ahead_bytes_;
}

void EventStream::send(const MessagePtr& message) {
    if (connection_.closing() || !server_.authoriser().may_receive(*request_.principal, *message)) return;
    Outbox& out = connection_.out();
    if (out.bytes() > server_.config().limits.outbox_bytes) {
        server_.shard().counters().dropped_outbox_full.add();
        server_.shard().counters().closed_slow_reader.add();
        return connection_.close(Errc::overloaded);
    }
    EventEncoder& events = server_.events();
    const ByteView event = events.encode(message, server_.epoch(), request_.wildcard);
    if (events.shared()) {
        out.append_shared(events.shared(), event);
    } else {
        out.append(event);
    }
    connection_.wake();
    server_.shard().counters().messages_out.add();
}

void EventStream::deliver(const MessagePtr& message, const mqtt::Match&) {
    if (catch_up_) return catch_up_->hold(message);
    if (message->seq() == 0 || message->seq() > through_) send(message);
}

void EventStream::append_position(ByteBuffer& out, std::uint64_t seq) {
    out.append("id: ");
    out.append(server_.epoch());
    out.append(":");
    append_decimal(out, seq);
    out.append("\n");
}

void EventStream::position_lost(std::uint64_t first) {
    send_reset(first);
}

/// Nothing: the channel has no positions at all.
void EventStream::send_reset(std::optional<std::uint64_t> first) {
    ByteBuffer& out = connection_.out().tail();
    if (first) append_position(out, *first - 1);
    out.append("event: reset\ndata: {\"reset\":true");
    if (first) {
        out.append(",\"first\":");
        append_decimal(out, *first);
    }
    out.append(",\"epoch\":");
    append_json_string(out, server_.epoch());
    out.append("}\n\n");
    connection_.wake();
}

void EventStream::caught_up() {
    through_ = catch_up_->cursor();
    catch_up_.reset();
}

/// The reader comes back by itself, with its position.
void EventStream::failed(error_code error) {
    ByteBuffer& out = connection_.out().tail();
    out.append("event: unavailable\ndata: {\"detail\":");
    append_json_string(out, error.message());
    out.append("}\n\n");
    connection_.close_after_flush();
}

void EventStream::on_drained() {
    if (catch_up_) catch_up_->on_drained();
}

void EventStream::watch_time() {
    connection_.set_deadline(access::time_left(*request_.principal, server_.shard().wall_clock_us(),
                                               server_.config().limits.stream_keep_alive));
}

bool EventStream::may_stay() {
    const access::Principal& reader = *request_.principal;
    const bool welcome = reader.authenticated() || mqtt::anonymous_allowed(server_.broker(), connection_);
    return welcome && !reader.expired(server_.shard().wall_clock_us()) &&
           server_.authoriser().knows(reader) && may_follow(server_, request_).allowed;
}

/// The reader comes back, and is told why not.
void EventStream::on_review() {
    if (!may_stay()) connection_.close_after_flush();
}

void EventStream::on_deadline(TimePoint) {
    if (!may_stay()) return connection_.close_after_flush();
    watch_time();
    if (!connection_.out().empty()) return;
    connection_.out().append(as_bytes(":\n\n"));
    connection_.wake();
}

void EventStream::leave() {
    if (!std::exchange(subscribed_, false)) return;
    server_.broker().unsubscribe(request_.channel, *this);
    server_.shard().counters().event_streams.subtract();
}

void EventStream::on_closed(error_code) {
    leave();
    catch_up_.reset();
}

void EventStream::on_shutdown() {
    connection_.close_after_flush();
}

}  // namespace millrace::http
