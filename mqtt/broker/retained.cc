#include "mqtt/broker/retained.h"

#include <map>

#include "mqtt/codec/topic.h"

namespace millrace::mqtt {

/// Ordered by topic, so that a filter looks only at what shares its literal beginning. The keys are views
/// into the messages.
struct RetainedMap::Impl {
    std::map<std::string_view, MessagePtr> messages;
    std::size_t messages_max;
    std::size_t bytes_max;
    std::size_t bytes = 0;

    void forget(std::map<std::string_view, MessagePtr>::iterator at) {
        bytes -= at->second->footprint();
        messages.erase(at);
    }
};

RetainedMap::RetainedMap(std::size_t messages_max, std::size_t bytes_max) : impl_(std::make_unique<Impl>()) {
    impl_->messages_max = messages_max;
    impl_->bytes_max = bytes_max;
}

RetainedMap::~RetainedMap() = default;

bool RetainedMap::update(const MessagePtr& message) {
    const auto old = impl_->messages.find(message->channel());
    if (old != impl_->messages.end()) impl_->forget(old);
    if (message->payload().empty()) return true;
    const std::size_t size = message->footprint();
    if (impl_->messages.size() >= impl_->messages_max || impl_->bytes + size > impl_->bytes_max) return false;
    impl_->messages.emplace(message->channel(), message);
    impl_->bytes += size;
    return true;
}

void RetainedMap::match(std::string_view filter, const std::function<void(const MessagePtr&)>& visit) const {
    const auto& messages = impl_->messages;
    if (!has_wildcard(filter)) {
        if (const auto at = messages.find(filter); at != messages.end()) visit(at->second);
        return;
    }
    const std::string_view beginning = literal_beginning(filter);
    for (auto at = messages.lower_bound(beginning); at != messages.end(); ++at) {
        if (!at->first.starts_with(beginning)) return;
        if (topic_matches(filter, at->first)) visit(at->second);
    }
}

std::size_t RetainedMap::size() const {
    return impl_->messages.size();
}
std::size_t RetainedMap::bytes() const {
    return impl_->bytes;
}

}  // namespace millrace::mqtt
