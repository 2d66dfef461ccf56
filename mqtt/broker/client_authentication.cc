// Client: who a CONNECT comes from, shown by SCRAM-SHA-256 (MQTT 5.0, 4.12).
#include <utility>

#include "core/access/authoriser.h"
#include "mqtt/broker/client.h"
#include "mqtt/broker/session_table.h"

namespace millrace::mqtt {
namespace {

constexpr std::string_view kMethod = "SCRAM-SHA-256";

}  // namespace

Client::Rare& Client::rare() {
    if (!rare_) rare_ = std::make_unique<Rare>();
    return *rare_;
}

/// As identify(), for a CONNECT with an authentication method: the exchange has yet to show it.
Identification Client::begin_exchange(const Connect& connect, const Arriving& arriving) {
    const access::Authoriser& authoriser = sessions_.broker().authoriser();
    if (connect.properties.text(PropertyId::authentication_method) != kMethod || !authoriser.takes_scram())
        return {ReasonCode::bad_authentication_method, nullptr, false};  // [MQTT-4.12.0-1]
    const auto data = connect.properties.binary(PropertyId::authentication_data).value_or(ByteView{});
    auto exchange = access::ScramExchange::start(as_text(data));
    // Whoever has a certificate is nobody else.
    if (!exchange || (arriving.certified && arriving.certified->name != exchange->user()))
        return {ReasonCode::not_authorized, nullptr, false};
    const Identification who{{}, claimed_user(authoriser, exchange->user(), arriving.client_id), false};
    rare().exchange = std::make_unique<Exchange>();
    rare().exchange->scram = std::move(*exchange);
    return who;
}

void Client::challenge() {
    access::ScramExchange& scram = rare_->exchange->scram;
    access::ScramUser user = sessions_.broker().authoriser().scram_user(scram.user());
    machine_.challenge(kMethod, scram.challenge(std::move(user), access::make_scram_nonce()));
}

void Client::on_auth(ByteView data, bool begins) {
    if (begins) return begin_again(data);
    const std::unique_ptr<Exchange> exchange = std::exchange(rare_->exchange, nullptr);
    std::optional<std::string> proof = exchange->scram.finish(as_text(data));
    if (!proof) return exchange_failed();
    if (machine_.connected()) return machine_.reauthenticated(*proof);
    // The file that it was checked by may have been replaced.
    if (!sessions_.broker().authoriser().knows(*exchange->request.principal)) return exchange_failed();
    rare_->proof = std::move(*proof);
    sessions_.connect(*this, std::move(exchange->request));
}

/// A re-authentication (4.12.1): by the same user, since a session is its user's.
void Client::begin_again(ByteView data) {
    auto scram = access::ScramExchange::start(as_text(data));
    if (!scram || scram->user() != seat_->principal().name || !sessions_.broker().authoriser().takes_scram())
        return exchange_failed();
    rare().exchange = std::make_unique<Exchange>();
    rare().exchange->scram = std::move(*scram);
    challenge();
}

void Client::exchange_failed() {
    if (!machine_.connected()) return refuse(ReasonCode::not_authorized);  // [MQTT-4.12.0-4]
    sessions_.shard().counters().closed_not_authorised.add();
    send_away(ReasonCode::not_authorized, "the re-authentication failed");  // [MQTT-4.12.1-2]
}

}  // namespace millrace::mqtt
