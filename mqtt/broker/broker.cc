#include "mqtt/broker/broker.h"

#include <algorithm>

#include "core/net/connection.h"
#include "mqtt/broker/hooks.h"

namespace millrace::mqtt {
namespace {

/// Topics only the server itself writes to.
bool is_own_topic(std::string_view channel) {
    return channel.starts_with("$SYS/");
}

}  // namespace

Broker::Broker(Shard& shard, BrokerContext& context, const access::Authoriser& authoriser)
    : shard_(shard),
      context_(context),
      authoriser_(access::AuthoriserPtr(), &authoriser),
      config_(config::ConfigPtr(), context.config),
      retained_(context.config->limits.retained_messages, context.config->limits.retained_bytes),
      outgoing_(context.brokers.size()),
      home_(*this),
      members_(*this),
      grace_periods_(*this) {
    shard_.at_turn_end(*this);
}

Broker::~Broker() = default;

Result<PublishState> Broker::publish(const PublishRequest& request) {
    const std::string_view channel = request.message->channel();
    if (is_own_topic(channel)) return Errc::not_authorised;
    const config::ChannelRule& rule = authoriser_->rule_for(channel);
    if (!judge(*request.principal, *request.message, rule).allowed) return Errc::not_authorised;
    if (hooks_) {
        if (const auto held = hooks_->hold(request, rule)) return *held;
    }
    return admit(request, rule);
}

access::Decision Broker::judge(const access::Principal& principal, const Message& message,
                               const config::ChannelRule& rule) const {
    const access::Action action = access::publish_action(message.kind());
    const access::Decision decision = authoriser_->may(principal, action, message.channel(), rule);
    if (decision.allowed && access::writes_for_authenticated(principal, rule)) message.narrow();
    return decision;
}

Result<PublishState> Broker::admit(const PublishRequest& request, const config::ChannelRule& rule) {
    const MessagePtr& message = request.message;
    if (rule.store) {
        if (!store().append({message, request.waiter, request.token})) return Errc::overloaded;
        shard_.counters().messages_in.add();
        return PublishState::pending;
    }
    message->stamp(0, shard_.wall_clock_us());
    shard_.counters().messages_in.add();
    route_live(message);
    return PublishState::done;
}

void Broker::follow_hooks(hooks::Asker& asker) {
    if (!hooks_) hooks_ = std::make_unique<Hooks>(*this, asker);
}

void Broker::publish_own(std::string_view topic, ByteView payload, bool retain) {
    const MessagePtr message =
        Message::create({.channel = topic, .payload = payload, .qos = kQosOfSubscription, .retain = retain});
    message->stamp(0, shard_.wall_clock_us());
    route_live(message);
}

void Broker::route_live(const MessagePtr& message) {
    route(message);
    for (unsigned other = 0; other < shards(); ++other) {
        if (other == shard_.index()) continue;
        if (message->retain() || broker_of(other).interested()) outgoing_[other].push_back(message);
    }
}

std::uint64_t Broker::sum(Counter Counters::*counter) const {
    std::uint64_t total = 0;
    for (const Broker* broker : context_.brokers) total += (broker->shard_.counters().*counter).value();
    return total;
}

bool Broker::interested() const {
    return subscriptions_.load(std::memory_order_acquire) != 0 || home_.expects();
}

bool Broker::lanes_distribute() {
    // A write, not only a read: a lane that counts itself in later then synchronises with this thread.
    return context_.distributing.fetch_add(0, std::memory_order_acq_rel) != 0;
}

bool Broker::subscribe(std::string_view filter, Subscriber& subscriber, const SubscriptionOptions& options) {
    const bool added = index_.add(filter, subscriber, options);
    if (added && is_own_topic(filter)) context_.own_topics.fetch_add(1, std::memory_order_relaxed);
    subscriptions_.store(index_.size(), std::memory_order_release);
    return added;
}

bool Broker::unsubscribe(std::string_view filter, Subscriber& subscriber) {
    const bool removed = index_.remove(filter, subscriber);
    if (removed && is_own_topic(filter)) context_.own_topics.fetch_sub(1, std::memory_order_relaxed);
    subscriptions_.store(index_.size(), std::memory_order_release);
    return removed;
}

void Broker::route(const MessagePtr& message) {
    if (message->retain() && !retained_.update(message)) shard_.counters().dropped_retained_full.add();
    if (index_.size() == 0) return;
    for (const SubscriptionIndex::Found& found : index_.find(message->channel(), message->origin())) {
        found.subscriber->deliver(message, found.match);
    }
}

std::size_t Broker::count_clients(std::string_view channel) {
    std::size_t count = 0;
    for (const SubscriptionIndex::Found& found : index_.find(channel, nullptr)) {
        count += found.subscriber->clients();
    }
    return count;
}

void Broker::finish_run(const CommittedRun& run) {
    for (const store::Committed& entry : run) {
        if (entry.append.origin.generation == 0 || entry.append.origin.shard != shard_.index()) continue;
        Connection* waiter = shard_.connections().find(entry.append.origin);
        if (waiter != nullptr) waiter->protocol().on_published(entry.append.token, entry.result);
    }
    for (const store::Committed& entry : run) {
        if (!entry.result.error && !entry.result.repeated) route(entry.append.message);
    }
}

void Broker::on_turn_end() {
    store().flush();
    for (unsigned other = 0; other < shards(); ++other) {
        if (outgoing_[other].empty()) continue;
        Broker& broker = broker_of(other);
        const std::size_t messages = outgoing_[other].size();
        shard_.tell(broker.shard(), messages, [&broker, batch = std::exchange(outgoing_[other], {})] {
            for (const MessagePtr& message : batch) broker.route(message);
        });
    }
    home_.send();
    grace_periods_.on_turn_end();
}

void Distributor::committed(std::vector<store::Committed> committed) {
    const auto run = std::make_shared<const CommittedRun>(std::move(committed));
    const bool retains = std::any_of(run->begin(), run->end(), [](const store::Committed& entry) {
        return entry.append.message->retain();
    });
    std::vector<bool> waited_for(context_.brokers.size());
    for (const store::Committed& entry : *run) {
        if (entry.append.origin.generation != 0) waited_for[entry.append.origin.shard] = true;
    }
    context_.distributing.fetch_add(1, std::memory_order_acq_rel);
    for (Broker* broker : context_.brokers) {
        if (!retains && !waited_for[broker->shard().index()] && !broker->interested()) continue;
        broker->shard().post([broker, run] { broker->finish_run(*run); });
    }
    context_.distributing.fetch_sub(1, std::memory_order_release);
}

}  // namespace millrace::mqtt
