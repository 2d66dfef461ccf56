#include "http/health.h"

#include <array>

#include "core/message_json.h"
#include "http/session.h"
#include "store/sql_relay.h"

namespace millrace::http {
namespace {

constexpr std::string_view kOk = "{\"status\":\"ok\"}";

struct Metric {
    std::string_view name;  ///< samples of one name stand together
    std::string_view labels;
    std::string_view type;
    std::string_view help;
    Counter Counters::*counter;
};

constexpr std::array kMetrics{
    Metric{"millrace_connections", "", "gauge", "Open connections.", &Counters::connections},
    Metric{"millrace_connections_total", "", "counter", "Connections accepted.",
           &Counters::connections_total},
    Metric{"millrace_received_bytes_total", "", "counter", "Bytes read from sockets.", &Counters::bytes_in},
    Metric{"millrace_sent_bytes_total", "", "counter", "Bytes written to sockets.", &Counters::bytes_out},
    Metric{"millrace_messages_published_total", "", "counter", "Messages published, through any door.",
           &Counters::messages_in},
    Metric{"millrace_messages_delivered_total", "", "counter",
           "Messages handed to a subscriber's connection.", &Counters::messages_out},
    Metric{"millrace_publishers_held_total", "", "counter",
           "Times that an MQTT client was not read from, as it published faster than limits.publish_rate.",
           &Counters::publishers_held},
    Metric{"millrace_sessions", "", "gauge", "MQTT sessions, connected or not.", &Counters::sessions},
    Metric{"millrace_mqtt_clients", "", "gauge", "MQTT clients that are connected.", &Counters::mqtt_clients},
    Metric{"millrace_queued_messages", "", "gauge", "Messages waiting in MQTT sessions.",
           &Counters::queued_messages},
    Metric{"millrace_queued_bytes", "", "gauge", "Their size.", &Counters::queued_bytes},
    Metric{"millrace_browser_sockets", "", "gauge", "Open sockets of the browser protocol.",
           &Counters::browser_sockets},
    Metric{"millrace_browser_rooms", "", "gauge",
           "Channels and filters that browsers have joined, per shard.", &Counters::browser_rooms},
    Metric{"millrace_browser_frames_ignored_total", "", "counter",
           "Frames of browsers that were not JSON or had no action.", &Counters::ignored_frames},
    Metric{"millrace_presence_dropped_total", "", "counter",
           "Roster changes not sent to a slow browser; the whole roster follows.",
           &Counters::dropped_presence},
    Metric{"millrace_browser_cursors_dropped_total", "", "counter",
           "Positions of readers forgotten because of limits.bridge_cursors.", &Counters::dropped_cursors},
    Metric{"millrace_event_streams", "", "gauge", "Open event streams.", &Counters::event_streams},
    Metric{"millrace_messages_dropped_total", "{reason=\"outbox_full\"}", "counter",
           "Messages dropped, by reason.", &Counters::dropped_outbox_full},
    Metric{"millrace_messages_dropped_total", "{reason=\"queue_full\"}", "", "",
           &Counters::dropped_queue_full},
    Metric{"millrace_messages_dropped_total", "{reason=\"queues_full\"}", "", "",
           &Counters::dropped_queues_full},
    Metric{"millrace_messages_dropped_total", "{reason=\"expired\"}", "", "", &Counters::dropped_expired},
    Metric{"millrace_messages_dropped_total", "{reason=\"too_large\"}", "", "", &Counters::dropped_too_large},
    Metric{"millrace_messages_dropped_total", "{reason=\"overloaded\"}", "", "",
           &Counters::dropped_overloaded},
    Metric{"millrace_messages_dropped_total", "{reason=\"offline\"}", "", "", &Counters::dropped_offline},
    Metric{"millrace_messages_dropped_total", "{reason=\"no_member\"}", "", "", &Counters::dropped_no_member},
    Metric{"millrace_messages_dropped_total", "{reason=\"retained_full\"}", "", "",
           &Counters::dropped_retained_full},
    Metric{"millrace_positions_lost_total", "", "counter",
           "How often retention was faster than an MQTT session that was behind on a channel.",
           &Counters::positions_lost},
    Metric{"millrace_connections_closed_total", "{reason=\"protocol_error\"}", "counter",
           "Connections closed by the server, by reason.", &Counters::closed_protocol_error},
    Metric{"millrace_connections_closed_total", "{reason=\"slow_reader\"}", "", "",
           &Counters::closed_slow_reader},
    Metric{"millrace_connections_closed_total", "{reason=\"timed_out\"}", "", "",
           &Counters::closed_timed_out},
    Metric{"millrace_connections_closed_total", "{reason=\"not_authorised\"}", "", "",
           &Counters::closed_not_authorised},
    Metric{"millrace_hook_calls_total", "", "counter", "Questions to hooks.", &Counters::hook_calls},
    Metric{"millrace_hook_answers_total", "{answer=\"allowed\"}", "counter",
           "What hooks have answered; a failure is none.", &Counters::hook_allowed},
    Metric{"millrace_hook_answers_total", "{answer=\"denied\"}", "", "", &Counters::hook_denied},
    Metric{"millrace_hook_failures_total", "{reason=\"timed_out\"}", "counter",
           "Questions without an answer, each taken as a no, by reason.", &Counters::hook_failed_timed_out},
    Metric{"millrace_hook_failures_total", "{reason=\"unreachable\"}", "", "",
           &Counters::hook_failed_unreachable},
    Metric{"millrace_hook_failures_total", "{reason=\"bad_answer\"}", "", "",
           &Counters::hook_failed_bad_answer},
    Metric{"millrace_hook_failures_total", "{reason=\"too_large\"}", "", "",
           &Counters::hook_failed_too_large},
    Metric{"millrace_hook_failures_total", "{reason=\"queue_full\"}", "", "",
           &Counters::hook_failed_queue_full},
    Metric{"millrace_hook_payloads_replaced_total", "", "counter", "Payloads replaced by hooks.",
           &Counters::hook_replaced},
    Metric{"millrace_hook_connections_total", "", "counter", "Connections opened to backends.",
           &Counters::hook_connections},
    Metric{"millrace_hook_wait_microseconds_total", "", "counter",
           "Time from questions to their answers, in sum.", &Counters::hook_wait_us},
    Metric{"millrace_tls_handshakes_total", "", "counter", "TLS handshakes that succeeded.",
           &Counters::tls_handshakes},
    Metric{"millrace_tls_failures_total", "{reason=\"not_tls\"}", "counter",
           "TLS connections that failed, by reason.", &Counters::tls_failed_not_tls},
    Metric{"millrace_tls_failures_total", "{reason=\"version\"}", "", "", &Counters::tls_failed_version},
    Metric{"millrace_tls_failures_total", "{reason=\"cipher\"}", "", "", &Counters::tls_failed_cipher},
    Metric{"millrace_tls_failures_total", "{reason=\"application\"}", "", "",
           &Counters::tls_failed_application},
    Metric{"millrace_tls_failures_total", "{reason=\"no_certificate\"}", "", "",
           &Counters::tls_failed_no_certificate},
    Metric{"millrace_tls_failures_total", "{reason=\"certificate\"}", "", "",
           &Counters::tls_failed_certificate},
    Metric{"millrace_tls_failures_total", "{reason=\"alert\"}", "", "", &Counters::tls_failed_alert},
    Metric{"millrace_tls_failures_total", "{reason=\"cut_off\"}", "", "", &Counters::tls_failed_cut_off},
    Metric{"millrace_tls_failures_total", "{reason=\"flood\"}", "", "", &Counters::tls_failed_flood},
    Metric{"millrace_tls_failures_total", "{reason=\"protocol\"}", "", "", &Counters::tls_failed_protocol},
    Metric{"millrace_connections_refused_total", "{reason=\"connections\"}", "counter",
           "Connections refused on arrival, by reason.", &Counters::refused_connections},
    Metric{"millrace_connections_refused_total", "{reason=\"connections_per_address\"}", "", "",
           &Counters::refused_address},
    Metric{"millrace_connections_refused_total", "{reason=\"connect_rate\"}", "", "",
           &Counters::refused_connect_rate},
    Metric{"millrace_connections_refused_total", "{reason=\"proxy_untrusted\"}", "", "",
           &Counters::refused_proxy_untrusted},
    Metric{"millrace_connections_refused_total", "{reason=\"proxy_header\"}", "", "",
           &Counters::refused_proxy_header},
};

void append_head(ByteBuffer& out, std::string_view name, std::string_view type, std::string_view help) {
    out.append("# HELP ");
    out.append(name);
    out.append(" ");
    out.append(help);
    out.append("\n# TYPE ");
    out.append(name);
    out.append(" ");
    out.append(type);
    out.append("\n");
}

void append_sample(ByteBuffer& out, std::string_view name, std::string_view labels, std::uint64_t value) {
    out.append(name);
    out.append(labels);
    out.append(" ");
    append_decimal(out, value);
    out.append("\n");
}

void append_sql(ByteBuffer& out, const store::SqlCounters& sql) {
    constexpr std::string_view kEnded = "millrace_sql_messages_total";
    append_head(out, kEnded, "counter", "Messages published by SQL, by what became of them.");
    append_sample(out, kEnded, "{result=\"stored\"}", sql.stored.value());
    append_sample(out, kEnded, "{result=\"repeated\"}", sql.repeated.value());
    append_sample(out, kEnded, "{result=\"live\"}", sql.live.value());
    constexpr std::string_view kRefused = "millrace_sql_messages_refused_total";
    append_head(out, kRefused, "counter",
                "Messages published by SQL that could not be delivered, by reason.");
    append_sample(out, kRefused, "{reason=\"too_large\"}", sql.refused_too_large.value());
    append_sample(out, kRefused, "{reason=\"invalid_channel\"}", sql.refused_channel.value());
    append_sample(out, kRefused, "{reason=\"not_authorised\"}", sql.refused_not_authorised.value());
    append_sample(out, kRefused, "{reason=\"malformed\"}", sql.refused_malformed.value());
}

}  // namespace

void serve_health(Exchange& exchange) {
    exchange.session.answer({.status = 200, .content_type = kJson, .body = kOk, .headers = {}});
}

void serve_readiness(Exchange& exchange) {
    if (!exchange.server.broker().store().reachable()) {
        Problem problem = problem_of(Errc::store_unavailable);
        const std::string complaint = exchange.server.broker().store().complaint();
        if (!complaint.empty()) problem.detail += ": " + complaint;
        return exchange.session.fail(problem);
    }
    exchange.session.answer({.status = 200, .content_type = kJson, .body = kOk, .headers = {}});
}

void serve_metrics(Exchange& exchange) {
    mqtt::Broker& broker = exchange.server.broker();
    ByteBuffer& body = exchange.server.scratch();
    for (const Metric& metric : kMetrics) {
        if (!metric.type.empty()) append_head(body, metric.name, metric.type, metric.help);
        append_sample(body, metric.name, metric.labels, broker.sum(metric.counter));
    }
    append_head(body, "millrace_store_reachable", "gauge", "Whether the store could be reached last time.");
    append_sample(body, "millrace_store_reachable", "", broker.store().reachable() ? 1 : 0);
    if (const store::SqlCounters* sql = broker.store().sql_counters()) append_sql(body, *sql);
    exchange.session.answer({.status = 200,
                             .content_type = "text/plain; version=0.0.4; charset=utf-8",
                             .body = body.text(),
                             .headers = {}});
}

}  // namespace millrace::http
