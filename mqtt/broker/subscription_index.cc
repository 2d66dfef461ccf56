#include "mqtt/broker/subscription_index.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "mqtt/codec/topic.h"

namespace millrace::mqtt {
namespace {

struct Entry {
    Subscriber* subscriber;
    SubscriptionOptions options;
};
using Entries = std::vector<Entry>;

/// A level below a node of the trie.
struct Edge {
    std::uint32_t parent;
    std::string level;
};
struct EdgeView {
    std::uint32_t parent;
    std::string_view level;
};
struct EdgeHash {
    using is_transparent = void;
    template <class E>
    std::size_t operator()(const E& edge) const {
        std::size_t seed = edge.parent;
        boost::hash_combine(seed, TextHash{}(edge.level));
        return seed;
    }
};
struct EdgeEqual {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
        return a.parent == b.parent && std::string_view(a.level) == std::string_view(b.level);
    }
};

constexpr std::uint32_t kNoNode = 0xFFFFFFFF;
constexpr std::uint32_t kRoot = 0;

/// A place in the trie of wildcard filters. `here` are filters that end in it, `below` those that end in `#`
/// under it.
struct Node {
    Entries here;
    Entries below;
    std::uint32_t parent = kNoNode;
    std::uint32_t children = 0;
    std::uint32_t plus = kNoNode;
    std::string level;
};

/// Differs for nearly all topics that differ: their middle or their end does.
std::uint64_t look_of(std::string_view topic) {
    std::uint64_t middle = 0;
    std::uint64_t end = 0;
    if (topic.size() < sizeof end) return topic.size();
    std::memcpy(&middle, topic.data() + (topic.size() - sizeof middle) / 2, sizeof middle);
    std::memcpy(&end, topic.data() + topic.size() - sizeof end, sizeof end);
    return middle * 31 + end + topic.size();
}

bool set(Entries& entries, Subscriber& subscriber, const SubscriptionOptions& options) {
    const auto found = std::find_if(entries.begin(), entries.end(),
                                    [&](const Entry& entry) { return entry.subscriber == &subscriber; });
    if (found != entries.end()) {
        found->options = options;
        return false;
    }
    entries.push_back({&subscriber, options});
    return true;
}

bool unset(Entries& entries, Subscriber& subscriber) {
    const auto found = std::find_if(entries.begin(), entries.end(),
                                    [&](const Entry& entry) { return entry.subscriber == &subscriber; });
    if (found == entries.end()) return false;
    entries.erase(found);
    return true;
}

}  // namespace

struct SubscriptionIndex::Impl {
    boost::unordered_flat_map<std::string, Entries, TextHash, std::equal_to<>> exact;
    boost::unordered_flat_map<Edge, std::uint32_t, EdgeHash, EdgeEqual> edges;
    std::vector<Node> nodes{1};
    std::vector<std::uint32_t> free_nodes;
    std::size_t wildcards = 0;

    std::vector<Found> found;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> found_identifiers;  ///< slot in `found`, identifier
    std::vector<std::uint32_t> identifiers;
    std::vector<std::uint32_t> frontier;
    std::vector<std::uint32_t> next_frontier;
    std::uint64_t walk = 0;
    std::uint64_t last_look = 0;  ///< look_of() what was asked last
    std::string found_topic;      ///< what `found` answers, while `found_for_all`
    bool found_for_all = false;   ///< `found` still holds, whoever published
    bool met_no_local = false;    ///< in this walk

    std::uint32_t child(std::uint32_t parent, std::string_view level) const {
        if (level == "+") return nodes[parent].plus;
        const auto edge = edges.find(EdgeView{parent, level});
        return edge == edges.end() ? kNoNode : edge->second;
    }

    std::uint32_t make_child(std::uint32_t parent, std::string_view level) {
        std::uint32_t index = child(parent, level);
        if (index != kNoNode) return index;
        if (free_nodes.empty()) {
            index = static_cast<std::uint32_t>(nodes.size());
            nodes.emplace_back();
        } else {
            index = free_nodes.back();
            free_nodes.pop_back();
        }
        nodes[index].parent = parent;
        nodes[index].level = level;
        ++nodes[parent].children;
        if (level == "+") {
            nodes[parent].plus = index;
        } else {
            edges.emplace(Edge{parent, std::string(level)}, index);
        }
        return index;
    }

    /// Frees a node that holds nothing any more, and its ancestors as far as the same is true of them.
    void prune(std::uint32_t index) {
        while (index != kRoot) {
            Node& node = nodes[index];
            if (node.children != 0 || !node.here.empty() || !node.below.empty()) return;
            const std::uint32_t parent = node.parent;
            if (node.level == "+") {
                nodes[parent].plus = kNoNode;
            } else {
                edges.erase(edges.find(EdgeView{parent, node.level}));
            }
            --nodes[parent].children;
            node = Node{};
            free_nodes.push_back(index);
            index = parent;
        }
    }

    /// The list that a wildcard filter belongs to, and its node; makes the way there when asked to.
    std::pair<Entries*, std::uint32_t> place(std::string_view filter, bool make) {
        std::uint32_t index = kRoot;
        for (const std::string_view level : TopicLevels(filter)) {
            if (level == "#") return {&nodes[index].below, index};
            index = make ? make_child(index, level) : child(index, level);
            if (index == kNoNode) return {nullptr, kNoNode};
        }
        return {&nodes[index].here, index};
    }

    void collect(const Entries& entries, const void* origin) {
        for (const Entry& entry : entries) {
            Subscriber& subscriber = *entry.subscriber;
            const SubscriptionOptions& options = entry.options;
            met_no_local |= options.no_local;
            // [MQTT-3.8.3-3]
            if (options.no_local && origin != nullptr && subscriber.origin() == origin) continue;
            if (subscriber.matched_at_ != walk) {
                subscriber.matched_at_ = walk;
                subscriber.match_slot_ = static_cast<std::uint32_t>(found.size());
                found.push_back({&subscriber, {options.qos, options.retain_as_published, false, {}}});
            } else {
                Match& match = found[subscriber.match_slot_].match;
                match.qos = std::max(match.qos, options.qos);
                match.retain_as_published |= options.retain_as_published;
            }
            if (options.identifier != 0)
                found_identifiers.emplace_back(subscriber.match_slot_, options.identifier);
        }
    }

    void walk_trie(std::string_view topic, const void* origin) {
        const bool reserved = is_reserved(topic);
        frontier.assign(1, kRoot);
        bool first = true;
        for (const std::string_view level : TopicLevels(topic)) {
            next_frontier.clear();
            const bool wildcards_apply = !(first && reserved);  // [MQTT-4.7.2-1]
            for (const std::uint32_t index : frontier) {
                if (wildcards_apply) {
                    collect(nodes[index].below, origin);
                    if (nodes[index].plus != kNoNode) next_frontier.push_back(nodes[index].plus);
                }
                const auto edge = edges.find(EdgeView{index, level});
                if (edge != edges.end()) next_frontier.push_back(edge->second);
            }
            std::swap(frontier, next_frontier);
            if (frontier.empty()) return;
            first = false;
        }
        for (const std::uint32_t index : frontier) {
            collect(nodes[index].here, origin);
            collect(nodes[index].below, origin);  // "a/#" matches "a" too (4.7.1.2)
        }
    }

    /// Identifiers of one subscriber side by side, in the order they were met.
    void gather_identifiers() {
        std::stable_sort(found_identifiers.begin(), found_identifiers.end(),
                         [](const auto& a, const auto& b) { return a.first < b.first; });
        identifiers.clear();
        for (const auto& [slot, identifier] : found_identifiers) identifiers.push_back(identifier);
        for (std::size_t begin = 0; begin < found_identifiers.size();) {
            std::size_t end = begin;
            while (end < found_identifiers.size() &&
                   found_identifiers[end].first == found_identifiers[begin].first)
                ++end;
            found[found_identifiers[begin].first].match.identifiers = {identifiers.data() + begin,
                                                                       end - begin};
            begin = end;
        }
    }
};

SubscriptionIndex::SubscriptionIndex() : impl_(std::make_unique<Impl>()) {}
SubscriptionIndex::~SubscriptionIndex() = default;

bool SubscriptionIndex::add(std::string_view filter, Subscriber& subscriber,
                            const SubscriptionOptions& options) {
    impl_->found_for_all = false;
    bool added = false;
    if (has_wildcard(filter)) {
        added = set(*impl_->place(filter, true).first, subscriber, options);
        impl_->wildcards += added ? 1 : 0;
    } else {
        auto at = impl_->exact.find(filter);
        if (at == impl_->exact.end()) at = impl_->exact.emplace(std::string(filter), Entries{}).first;
        added = set(at->second, subscriber, options);
    }
    size_ += added ? 1 : 0;
    return added;
}

bool SubscriptionIndex::remove(std::string_view filter, Subscriber& subscriber) {
    impl_->found_for_all = false;
    bool removed = false;
    if (has_wildcard(filter)) {
        const auto [entries, node] = impl_->place(filter, false);
        removed = entries != nullptr && unset(*entries, subscriber);
        if (removed) {
            --impl_->wildcards;
            impl_->prune(node);
        }
    } else if (const auto at = impl_->exact.find(filter); at != impl_->exact.end()) {
        removed = unset(at->second, subscriber);
        if (at->second.empty()) impl_->exact.erase(at);
    }
    size_ -= removed ? 1 : 0;
    return removed;
}

const std::vector<SubscriptionIndex::Found>& SubscriptionIndex::find(std::string_view topic,
                                                                     const void* origin) {
    Impl& impl = *impl_;
    const std::uint64_t look = look_of(topic);
    const bool perhaps_again = look == impl.last_look;
    if (perhaps_again && impl.found_for_all && impl.found_topic == topic) return impl.found;
    impl.last_look = look;
    ++impl.walk;
    impl.found.clear();
    impl.found_identifiers.clear();
    impl.met_no_local = false;
    if (const auto at = impl.exact.find(topic); at != impl.exact.end()) impl.collect(at->second, origin);
    if (impl.wildcards != 0) impl.walk_trie(topic, origin);
    if (!impl.found_identifiers.empty()) impl.gather_identifiers();
    // A topic costs nothing more before it has come twice.
    impl.found_for_all = perhaps_again && !impl.met_no_local;
    if (impl.found_for_all) impl.found_topic = topic;
    return impl.found;
}

void SubscriptionIndex::for_each_subscriber(std::string_view filter,
                                            const std::function<void(const Subscriber&)>& visit) const {
    const auto found = impl_->exact.find(filter);
    if (found == impl_->exact.end()) return;
    for (const Entry& entry : found->second) visit(*entry.subscriber);
}

void SubscriptionIndex::for_each_exact(const std::function<void(const std::string&)>& visit) const {
    for (const auto& [filter, entries] : impl_->exact) visit(filter);
}

}  // namespace millrace::mqtt
