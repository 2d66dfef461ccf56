#include "http/upgrade.h"

#include <algorithm>
#include <cctype>

#include "core/net/websocket.h"
#include "http/session.h"

namespace millrace::http {
namespace {

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

bool same_token(std::string_view a, std::string_view lower) {
    return std::ranges::equal(a, lower, [](char x, char y) {
        return std::tolower(static_cast<unsigned char>(x)) == static_cast<unsigned char>(y);
    });
}

/// Calls `use` for each element of a comma-separated list.
template <class Use>
void split_list(std::string_view list, Use use) {
    for (;;) {
        const std::size_t comma = list.find(',');
        const std::string_view element = trim(list.substr(0, comma));
        if (!element.empty()) use(element);
        if (comma == std::string_view::npos) return;
        list.remove_prefix(comma + 1);
    }
}

bool names_websocket(std::string_view upgrade_to) {
    bool found = false;
    split_list(upgrade_to, [&found](std::string_view element) { found |= same_token(element, "websocket"); });
    return found;
}

/// What RFC 6455 4.2.1 asks of a handshake; status 0: all of it is there.
Problem check_handshake(const Request& request, const std::string& accept) {
    if (!request.upgrade || !names_websocket(request.upgrade_to)) {
        return {.status = 426,
                .detail = "only WebSockets are spoken at this path",
                .limit = {},
                .headers = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"};
    }
    if (request.method != Method::get || request.http_1_0) {
        return {
            .status = 400, .detail = "a WebSocket begins with GET over HTTP/1.1", .limit = {}, .headers = {}};
    }
    if (request.websocket_version != "13") {
        return {.status = 426,
                .detail = "only version 13 of the WebSocket protocol is spoken here",
                .limit = {},
                .headers = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"};
    }
    if (accept.empty()) {
        return {.status = 400,
                .detail = "Sec-WebSocket-Key must be 16 bytes in base64",
                .limit = {},
                .headers = {}};
    }
    return {.status = 0, .detail = {}, .limit = {}, .headers = {}};
}

void append_switch(ByteBuffer& out, std::string_view accept, std::string_view subprotocol) {
    out.append(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
        "Upgrade\r\nSec-WebSocket-Accept: ");
    out.append(accept);
    if (!subprotocol.empty()) {
        out.append("\r\nSec-WebSocket-Protocol: ");
        out.append(subprotocol);
    }
    out.append("\r\n\r\n");
}

}  // namespace

void serve_upgrade(Exchange& exchange) {
    const Request& request = exchange.request;
    const std::string accept = websocket::accept_key(request.websocket_key);
    const Problem fault = check_handshake(request, accept);
    if (fault.status != 0) return exchange.session.fail(fault);
    Connection& connection = exchange.session.connection();
    UpgradeRequest asked{request.path,   request.query,      {},
                         request.origin, exchange.principal, connection.peer_is_loopback()};
    for (const std::string_view line : request.websocket_protocols) {
        split_list(line, [&asked](std::string_view element) { asked.subprotocols.push_back(element); });
    }
    UpgradeAnswer answer = exchange.server.upgrades()->on_upgrade(asked);
    if (answer.status != 101) {
        exchange.session.fail({.status = answer.status, .detail = answer.detail, .limit = {}, .headers = {}});
        return;
    }
    append_switch(connection.out().tail(), accept, answer.subprotocol);
    exchange.session.upgrade(answer.make(connection));
}

}  // namespace millrace::http
