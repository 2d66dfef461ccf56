#include "mqtt/broker/retained.h"

#include <map>

#include "mqtt/codec/topic.h"

namespace millrace::mqtt {

namespace {

/// Ordered by topic, so that a filter looks only at what shares its literal beginning. The keys are views
/// into the messages.
using Topics = std::map<std::string_view, MessagePtr>;

template <class Visit>
void for_each_match(const Topics& topics, std::string_view filter, Visit visit) {
    if (!has_wildcard(filter)) {
        if (const auto at = topics.find(filter); at != topics.end()) visit(at->second);
        return;
    }
    const std::string_view beginning = literal_beginning(filter);
    for (auto at = topics.lower_bound(beginning); at != topics.end(); ++at) {
        if (!at->first.starts_with(beginning)) return;
        if (topic_matches(filter, at->first)) visit(at->second);
    }
}

}  // namespace

struct RetainedMap::Impl {
    Topics open;   ///< for everybody
    Topics inner;  ///< for authenticated clients, each later than what the topic has in `open`; an empty one
                   ///< hides that
    std::size_t messages_max;
    std::size_t bytes_max;
    std::size_t bytes = 0;

    std::size_t size() const { return open.size() + inner.size(); }
    void forget(Topics& topics, std::string_view topic) {
        const auto at = topics.find(topic);
        if (at == topics.end()) return;
        bytes -= at->second->footprint();
        topics.erase(at);
    }
    bool keep(Topics& topics, const MessagePtr& message) {
        const std::size_t more = message->footprint();
        if (size() >= messages_max || bytes + more > bytes_max) return false;
        topics.emplace(message->channel(), message);
        bytes += more;
        return true;
    }
};

RetainedMap::RetainedMap(std::size_t messages_max, std::size_t bytes_max) : impl_(std::make_unique<Impl>()) {
    impl_->messages_max = messages_max;
    impl_->bytes_max = bytes_max;
}

RetainedMap::~RetainedMap() = default;

bool RetainedMap::update(const MessagePtr& message) {
    const Audience& audience = message->audience();
    if (audience.dbo_id != 0) return true;
    const std::string_view topic = message->channel();
    const bool hides = audience.authenticated_only && impl_->open.contains(topic);
    if (!impl_->inner.empty()) impl_->forget(impl_->inner, topic);
    if (!audience.authenticated_only) impl_->forget(impl_->open, topic);
    if (message->payload().empty() && !hides) return true;
    return impl_->keep(audience.authenticated_only ? impl_->inner : impl_->open, message);
}

void RetainedMap::match(std::string_view filter, bool authenticated, const Visit& visit) const {
    const Topics& inner = impl_->inner;
    const bool narrow = authenticated && !inner.empty();
    for_each_match(impl_->open, filter, [&](const MessagePtr& message) {
        if (!narrow || !inner.contains(message->channel())) visit(message);
    });
    if (!narrow) return;
    for_each_match(inner, filter, [&](const MessagePtr& message) {
        if (!message->payload().empty()) visit(message);
    });
}

std::size_t RetainedMap::size() const {
    return impl_->size();
}
std::size_t RetainedMap::bytes() const {
    return impl_->bytes;
}

}  // namespace millrace::mqtt
