#include "mqtt/broker/hooks.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "core/net/connection.h"

namespace millrace::mqtt {

Hooks::Hooks(Broker& broker, hooks::Asker& asker) : broker_(broker), gate_(broker.shard(), asker) {}

bool Hooks::asks_about(const access::Principal& principal, const std::string& url) const {
    return !url.empty() && principal.kind != access::Principal::Kind::backend;
}

bool Hooks::is_overfull(const hooks::Sender& sender) const {
    return gate_.waiting(sender) >= broker_.config().limits.hook_client_calls;
}

hooks::Call Hooks::call_of(const config::RuleHooks& hooks, const std::string& url,
                           const hooks::Question& question, bool json_only) {
    const Message* message = question.message;
    return {.url = url,
            .body = write_question(question),
            .timeout = hooks.timeout,
            .replaceable = {.payload = message != nullptr,
                            .bytes = message != nullptr && !json_only,
                            .was_text = message != nullptr && message->encoding() != Encoding::json}};
}

std::optional<Result<PublishState>> Hooks::hold(const PublishRequest& request,
                                                const config::ChannelRule& rule) {
    const Message& message = *request.message;
    const hooks::Sender sender{message.origin(), message.origin() ? 0 : request.waiter.generation};
    const bool asks = asks_about(*request.principal, rule.hooks.message);
    if (!asks && gate_.waiting(sender) == 0) return std::nullopt;
    if (is_overfull(sender)) return Errc::overloaded;
    // Whose principal it is may be gone by then.
    PublishRequest held{nullptr, request.message, request.waiter, request.token, request.door};
    auto done = [this, held = std::move(held), principal = *request.principal](
                    const hooks::Verdict& verdict) { decided(held, principal, verdict); };
    if (asks) {
        const hooks::Question question{.channel = message.channel(),
                                       .door = request.door,
                                       .principal = *request.principal,
                                       .client = message.client(),
                                       .message = &message};
        gate_.ask(sender, call_of(rule.hooks, rule.hooks.message, question), std::move(done));
    } else {
        gate_.follow(sender, std::move(done));
    }
    return PublishState::pending;
}

void Hooks::deny(const PublishRequest& held, std::string_view reason) {
    Connection* waiter = broker_.shard().connections().find(held.waiter);
    if (waiter != nullptr) waiter->protocol().on_denied(held.token, reason);
}

void Hooks::decided(const PublishRequest& held, const access::Principal& principal,
                    const hooks::Verdict& verdict) {
    if (!verdict.allowed()) return deny(held, verdict.reason);
    if (principal.expired(broker_.shard().wall_clock_us()))
        return deny(held, access::why_refused(Errc::timed_out));
    if (!broker_.authoriser().knows(principal)) return deny(held, "the credentials are not valid any more");
    ConnectionTable& connections = broker_.shard().connections();
    PublishRequest request = held;
    if (verdict.payload) {
        const hooks::Payload& payload = *verdict.payload;
        request.message = held.message->with_payload(as_bytes(payload.bytes), payload.encoding);
    }
    const config::ChannelRule& rule = broker_.authoriser().rule_for(request.message->channel());
    // While the hook was asked, the permissions may have changed.
    const access::Decision decision = broker_.judge(principal, *request.message, rule);
    if (!decision.allowed) return deny(held, decision.reason);
    // Without its connection the client sends a QoS 2 message again, and no store would recognise it
    // [MQTT-4.3.3-10].
    const bool exactly_once = request.message->origin() != nullptr && request.message->qos() == 2;
    if (exactly_once && !rule.store && connections.find(held.waiter) == nullptr) return;
    const Result<PublishState> state = broker_.admit(request, rule);
    Connection* waiter = connections.find(held.waiter);
    if (waiter == nullptr) {
        if (!state) broker_.shard().counters().dropped_overloaded.add();
    } else if (!state) {
        waiter->protocol().on_published(held.token, {.error = state.error()});
    } else if (*state == PublishState::done) {
        waiter->protocol().on_published(held.token, {.error = {}, .at_us = request.message->at_us()});
    }
}

bool Hooks::ask_join(const Join& join, Done done) {
    struct Asking {
        std::size_t missing;
        hooks::Verdict verdict;
        Done done;
    };
    if (join.principal.kind == access::Principal::Kind::backend) return false;
    std::vector<const config::RuleHooks*> asked;
    for (const config::ChannelRule* rule : broker_.authoriser().join_hooks(join.filter)) {
        const bool known = std::ranges::any_of(
            asked, [&](const config::RuleHooks* other) { return other->join == rule->hooks.join; });
        if (!known) asked.push_back(&rule->hooks);
    }
    if (asked.empty()) return false;
    const auto asking = std::make_shared<Asking>(Asking{asked.size(), {}, std::move(done)});
    const hooks::Question question{
        .channel = join.filter, .door = join.door, .principal = join.principal, .client = join.client};
    for (const config::RuleHooks* hooks : asked) {
        gate_.ask({}, call_of(*hooks, hooks->join, question), [asking](hooks::Verdict verdict) {
            if (!verdict.allowed() && asking->verdict.allowed()) asking->verdict = std::move(verdict);
            if (--asking->missing == 0) asking->done(asking->verdict);
        });
    }
    return true;
}

bool Hooks::ask_private(const Private& message, Done done) {
    const std::string_view channel = message.message->channel();
    const config::RuleHooks& hooks = broker_.authoriser().rule_for(channel).hooks;
    const hooks::Sender sender{nullptr, message.sender.generation};
    const bool asks = asks_about(message.principal, hooks.message);
    if (!asks && gate_.waiting(sender) == 0) return false;
    if (is_overfull(sender)) {
        done(hooks::failure(hooks::Outcome::queue_full, {}));
    } else if (asks) {
        const hooks::Question question{.channel = channel,
                                       .door = hooks::Door::websocket,
                                       .principal = message.principal,
                                       .client = message.message->client(),
                                       .message = message.message.get(),
                                       .receiver = message.receiver};
        gate_.ask(sender, call_of(hooks, hooks.message, question, true), std::move(done));
    } else {
        gate_.follow(sender, std::move(done));
    }
    return true;
}

std::optional<Denials> Hooks::ask_subscribe(ConnectionId connection, const Join& who,
                                            std::span<const std::string_view> filters, const Done& done) {
    const std::uint64_t key = connection.generation;
    if (const auto found = subscribing_.find(key); found != subscribing_.end()) {
        if (found->second.missing != 0) return std::nullopt;
        Denials denials = std::move(found->second.denials);
        subscribing_.erase(found);
        return denials;
    }
    Subscribing asked;
    const std::size_t most = broker_.config().limits.hook_client_calls;
    for (const std::string_view filter : filters) {
        if (asked.missing >= most) {
            if (!broker_.authoriser().join_hooks(filter).empty())
                asked.denials.emplace(filter, "too many filters at once: limits.hook_client_calls");
            continue;
        }
        auto answered = [this, key, filter = std::string(filter), done](const hooks::Verdict& verdict) {
            const auto found = subscribing_.find(key);
            if (found == subscribing_.end()) return;
            if (!verdict.allowed()) found->second.denials.emplace(filter, verdict.reason);
            if (--found->second.missing == 0) done(verdict);
        };
        if (ask_join({filter, who.door, who.principal, who.client}, std::move(answered))) ++asked.missing;
    }
    if (asked.missing == 0) return Denials{};
    subscribing_[key] = std::move(asked);
    return std::nullopt;
}

}  // namespace millrace::mqtt
