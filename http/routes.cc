#include "http/routes.h"

#include <array>

#include "http/administration.h"
#include "http/batch.h"
#include "http/credentials.h"
#include "http/event_stream.h"
#include "http/health.h"
#include "http/history.h"
#include "http/publish.h"
#include "http/session.h"
#include "http/static_files.h"
#include "http/target.h"
#include "mqtt/broker/entrance.h"

namespace millrace::http {
namespace {

enum class Access : std::uint8_t {
    open,
    known,    ///< anonymous clients too where they may connect at all; the handler asks for the rest
    backend,  ///< an API key
};

struct Route {
    Method method;
    std::string_view pattern;
    Access access;
    void (*handler)(Exchange&);
};

constexpr std::array kRoutes{
    Route{Method::post, "/v1/publish", Access::known, publish_json},
    Route{Method::get, "/healthz", Access::open, serve_health},
    Route{Method::post, "/v1/publish/batch", Access::known, publish_batch},
    Route{Method::post, "/v1/channels/{channel}", Access::known, publish_raw},
    Route{Method::get, "/v1/channels/{channel}/messages", Access::known, serve_history},
    Route{Method::get, "/v1/channels/{channel}/stream", Access::known, serve_stream},
    Route{Method::delete_, "/v1/channels/{channel}/messages", Access::backend, purge_channel},
    Route{Method::get, "/v1/channels/{channel}/presence", Access::known, serve_presence},
    Route{Method::get, "/v1/channels", Access::backend, serve_channels},
    Route{Method::get, "/v1/clients", Access::backend, serve_clients},
    Route{Method::delete_, "/v1/clients/{id}", Access::backend, disconnect_client},
    Route{Method::get, "/readyz", Access::open, serve_readiness},
    Route{Method::get, "/metrics", Access::known, serve_metrics},
};

std::string_view method_name(Method method) {
    switch (method) {
        case Method::get:
            return "GET, HEAD";
        case Method::post:
            return "POST";
        case Method::delete_:
            return "DELETE";
        default:
            return "";
    }
}

Method wanted_method(Method method) {
    return method == Method::head ? Method::get : method;
}

bool is_safe(Method method) {
    return method == Method::get || method == Method::head || method == Method::options;
}

/// False, and answered: for backends only.
bool may_administer(Exchange& exchange) {
    const access::Decision decision =
        exchange.server.authoriser().may(*exchange.principal, access::Action::administer, {});
    if (decision.allowed) return true;
    Problem problem = problem_of(Errc::not_authorised);
    problem.detail = decision.reason;
    exchange.session.fail(problem);
    return false;
}

/// What the browser asks before it sends what a plain form could not (Fetch, CORS-preflight request).
void serve_options(Exchange& exchange, std::string_view allow, bool foreign) {
    const bool preflight =
        !foreign && !exchange.request.origin.empty() && !exchange.request.preflight_method.empty();
    std::string headers = "Allow: ";
    headers.append(allow).append("\r\n");
    if (preflight) {
        headers.append("Access-Control-Allow-Methods: ").append(allow);
        headers.append(
            "\r\nAccess-Control-Allow-Headers: Authorization, Content-Type, Idempotency-Key, "
            "Last-Event-ID\r\n"
            "Access-Control-Max-Age: 600\r\n");
    }
    exchange.session.answer({.status = 204, .content_type = {}, .body = {}, .headers = headers});
}

void refuse_method(Exchange& exchange, std::string_view allow) {
    std::string headers = "Allow: ";
    headers.append(allow).append("\r\n");
    exchange.session.fail({.status = 405,
                           .detail = "this resource answers to " + std::string(allow),
                           .limit = {},
                           .headers = headers});
}

/// The methods of a path, empty when it is not in the table.
std::string methods_of(std::string_view path) {
    std::string allow;
    std::string_view channel;
    for (const Route& route : kRoutes) {
        if (!match_path(route.pattern, path, channel)) continue;
        if (!allow.empty()) allow.append(", ");
        allow.append(method_name(route.method));
    }
    if (allow.empty() && has_static_file(path)) allow = "GET, HEAD";
    return allow.empty() ? allow : allow.append(", OPTIONS");
}

void serve_other(Exchange& exchange, bool foreign) {
    const Request& request = exchange.request;
    if (request.method == Method::options && request.path == "*")
        return serve_options(exchange, "GET, HEAD, POST, DELETE", foreign);
    const std::string allow = methods_of(request.path);
    if (allow.empty()) {
        exchange.session.fail(
            {.status = 404, .detail = "there is nothing at this path", .limit = {}, .headers = {}});
    } else if (request.method == Method::options) {
        serve_options(exchange, allow, foreign);
    } else {
        refuse_method(exchange, allow);
    }
}

}  // namespace

void dispatch(Exchange& exchange, bool foreign) {
    const Request& request = exchange.request;
    if (foreign && (!is_safe(request.method) || request.upgrade)) {
        exchange.session.fail(
            {.status = 403,
             .detail = "pages of this origin may not do that here (realtime.allowed_origins)",
             .limit = {},
             .headers = {}});
        return;
    }
    const Method method = wanted_method(request.method);
    for (const Route& route : kRoutes) {
        if (route.method != method || !match_path(route.pattern, request.path, exchange.parameter)) continue;
        const bool open = route.access == Access::open ||
                          (route.access == Access::known &&
                           mqtt::anonymous_allowed(exchange.server.broker(), exchange.session.connection()));
        exchange.principal = authenticate(exchange, open);
        if (!exchange.principal) return;
        if (route.access == Access::backend && !may_administer(exchange)) return;
        return route.handler(exchange);
    }
    UpgradeHandler* upgrades = exchange.server.upgrades();
    if (method == Method::get && upgrades != nullptr && upgrades->serves(request.path)) {
        // The protocols behind have credentials of their own.
        exchange.principal = authenticate(exchange, true);
        if (exchange.principal) serve_upgrade(exchange);
        return;
    }
    if (method == Method::get && serve_static_file(exchange)) return;
    serve_other(exchange, foreign);
}

std::vector<std::string> route_names() {
    std::vector<std::string> names;
    for (const Route& route : kRoutes) {
        const std::string_view method = method_name(route.method);
        names.push_back(std::string(method.substr(0, method.find(','))) + " " + std::string(route.pattern));
    }
    return names;
}

}  // namespace millrace::http
