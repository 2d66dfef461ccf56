#include "http/join_hook.h"

#include <memory>
#include <utility>

#include "http/answer_address.h"
#include "http/session.h"
#include "mqtt/broker/hooks.h"

namespace millrace::http {
namespace {

class WaitingForHook final : public Waiting {};

}  // namespace

void after_join_hook(Exchange& exchange, std::string_view channel, hooks::Door door,
                     std::function<void(Session&)> go_on) {
    Session& session = exchange.session;
    mqtt::Hooks* const hooks = exchange.server.broker().hooks();
    auto done = [address = AnswerAddress(session), go_on](const hooks::Verdict& verdict) {
        address.give<WaitingForHook>([&](Session& asking, WaitingForHook&) {
            if (!verdict.allowed()) return asking.fail(denial(verdict.reason));
            go_on(asking);
        });
    };
    if (hooks == nullptr || !hooks->ask_join({channel, door, *exchange.principal, {}}, std::move(done)))
        return go_on(session);
    session.wait(std::make_unique<WaitingForHook>());
}

}  // namespace millrace::http
