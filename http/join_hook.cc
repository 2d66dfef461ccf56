#include "http/join_hook.h"

#include <memory>
#include <string>
#include <utility>

#include "core/channel_name.h"
#include "http/answer_address.h"
#include "http/session.h"
#include "mqtt/broker/hooks.h"

namespace millrace::http {
namespace {

class WaitingForHook final : public Waiting {};

/// While a hook was asked, the permissions may have changed, and the token may have ended.
access::Decision look_again(Server& server, const access::Principal& principal, const std::string& channel) {
    if (principal.expired(server.shard().wall_clock_us()))
        return {.allowed = false, .reason = access::why_refused(Errc::timed_out)};
    const access::Authoriser& authoriser = server.authoriser();
    if (!authoriser.knows(principal))
        return {.allowed = false, .reason = "the credentials are not valid any more"};
    return has_wildcard(channel) ? authoriser.may_subscribe(principal, channel)
                                 : authoriser.may(principal, access::Action::join, channel);
}

}  // namespace

void after_join_hook(Exchange& exchange, std::string_view channel, hooks::Door door,
                     std::function<void(Session&)> go_on) {
    Session& session = exchange.session;
    mqtt::Hooks* const hooks = exchange.server.broker().hooks();
    auto done = [address = AnswerAddress(session), go_on, channel = std::string(channel),
                 principal = exchange.principal](const hooks::Verdict& verdict) {
        address.give<WaitingForHook>([&](Session& asking, WaitingForHook&) {
            if (!verdict.allowed()) return asking.fail(denial(verdict.reason));
            const access::Decision decision = look_again(asking.server(), *principal, channel);
            if (!decision.allowed) return asking.fail(denial(decision.reason));
            go_on(asking);
        });
    };
    if (hooks == nullptr || !hooks->ask_join({channel, door, *exchange.principal, {}}, std::move(done)))
        return go_on(session);
    session.wait(std::make_unique<WaitingForHook>());
}

}  // namespace millrace::http
