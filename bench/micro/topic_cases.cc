// Topics, subscriptions, retained messages.
#include <benchmark/benchmark.h>
#include <deque>
#include <string>
#include <vector>

#include "bench/micro/case.h"
#include "bench/micro/samples.h"
#include "config/config.h"
#include "core/access/authoriser.h"
#include "mqtt/broker/retained.h"
#include "mqtt/broker/subscription_index.h"
#include "mqtt/codec/topic.h"

namespace millrace::bench {
namespace {

constexpr std::size_t kTimes = 1000;
constexpr std::size_t kFilters = 100'000;
constexpr std::size_t kSubscribers = 100;
constexpr std::size_t kTopics = 1000;

class Nobody final : public mqtt::Subscriber {
  public:
    void deliver(const MessagePtr&, const mqtt::Match&) override {}
};

/// 100,000 filters of 100 subscribers, and topics that match one each.
struct Crowd {
    mqtt::SubscriptionIndex index;
    std::deque<Nobody> subscribers{kSubscribers};
    std::vector<std::string> topics;
    std::size_t next = 0;

    const std::string& topic() { return topics[next++ % topics.size()]; }
};

/// Three shapes of filters in turn.
std::string wildcard_filter(std::size_t i) {
    const std::string k = std::to_string(i);
    if (i % 3 == 0) return "site/" + k + "/+/temp";
    if (i % 3 == 1) return "site/" + k + "/#";
    return "+/dev" + k + "/temp";
}
std::string matching_topic(std::size_t i) {
    const std::string k = std::to_string(i);
    return i % 3 == 2 ? "site/dev" + k + "/temp" : "site/" + k + "/unit/temp";
}

std::unique_ptr<Crowd> crowd(std::string (*filter)(std::size_t), std::string (*topic)(std::size_t)) {
    auto made = std::make_unique<Crowd>();
    for (std::size_t i = 0; i < kFilters; ++i)
        made->index.add(filter(i), made->subscribers[i % kSubscribers], {});
    for (std::size_t i = 0; i < kTopics; ++i) made->topics.push_back(topic(i * (kFilters / kTopics) + i % 3));
    return made;
}

void add_find(Cases& cases, const char* name, std::string (*filter)(std::size_t),
              std::string (*topic)(std::size_t)) {
    cases.push_back({name, kTimes, [=] {
                         return repeat([here = crowd(filter, topic)] {
                             benchmark::DoNotOptimize(here->index.find(here->topic(), nullptr).data());
                         });
                     }});
}

void add_change(Cases& cases, const char* name, std::string (*filter)(std::size_t)) {
    cases.push_back({name, kTimes, [=] {
                         return repeat([here = crowd(filter, filter)] {
                             const std::string& known = here->topic();
                             here->index.add(known, here->subscribers[7], {});
                             here->index.remove(known, here->subscribers[7]);
                         });
                     }});
}

void add_index_cases(Cases& cases) {
    add_find(cases, "index/find_exact_100k", matching_topic, matching_topic);
    add_find(cases, "index/find_wildcard_100k", wildcard_filter, matching_topic);
    add_find(cases, "index/find_nothing_100k", wildcard_filter,
             [](std::size_t i) { return "street/" + std::to_string(i) + "/temp"; });
    cases.push_back({"index/find_per_subscriber", 10'000, [] {
                         auto here = std::make_unique<Crowd>();
                         here->subscribers.resize(1000);
                         here->topics = {std::string(kTopic), "site/4711"};
                         for (const std::string& topic : here->topics) {
                             for (Nobody& subscriber : here->subscribers)
                                 here->index.add(topic, subscriber, {});
                         }
                         return repeat(
                             [here = std::move(here)] {
                                 benchmark::DoNotOptimize(here->index.find(here->topic(), nullptr).data());
                             },
                             1000);
                     }});
    cases.push_back({"index/find_again", kTimes, [] {
                         auto here = crowd(wildcard_filter, matching_topic);
                         return repeat([here = std::move(here)] {
                             benchmark::DoNotOptimize(here->index.find(kTopic, nullptr).data());
                         });
                     }});
    add_change(cases, "index/add_remove_exact", matching_topic);
    add_change(cases, "index/add_remove_wildcard", wildcard_filter);
}

alignas(64) constexpr char kExact[] = "site/4711/room/12/temperature";
alignas(64) constexpr char kPlus[] = "site/+/room/+/temperature";
alignas(64) constexpr char kHash[] = "site/4711/#";

void add_match(Cases& cases, const char* name, std::string_view filter) {
    cases.push_back({name, kTimes, [filter] {
                         return repeat([filter] { benchmark::DoNotOptimize(topic_matches(filter, kTopic)); });
                     }});
}

std::unique_ptr<mqtt::RetainedMap> retained_map(std::vector<MessagePtr>& messages) {
    auto map = std::make_unique<mqtt::RetainedMap>(2 * kFilters, std::size_t{1} << 30);
    for (std::size_t i = 0; i < kFilters; ++i) {
        MessageFields fields;
        const std::string topic = matching_topic(i);
        fields.channel = topic;
        fields.payload = as_bytes(kPayload);
        fields.retain = true;
        messages.push_back(Message::create(fields));
        map->update(messages.back());
    }
    return map;
}

void add_retained_cases(Cases& cases) {
    cases.push_back({"retained/update_100k", kTimes, [] {
                         std::vector<MessagePtr> messages;
                         auto map = retained_map(messages);
                         return repeat(
                             [map = std::move(map), messages = std::move(messages), i = 0U]() mutable {
                                 i = (i + 101) % kFilters;
                                 benchmark::DoNotOptimize(map->update(messages[i]));
                             });
                     }});
    cases.push_back({"retained/match_per_message", kFilters, [] {
                         std::vector<MessagePtr> messages;
                         auto map = retained_map(messages);
                         return repeat(
                             [map = std::move(map)] {
                                 std::size_t found = 0;
                                 map->match("site/#", false, [&](const MessagePtr&) { ++found; });
                                 benchmark::DoNotOptimize(found);
                             },
                             kFilters);
                     }});
}

void add_access_case(Cases& cases, const char* name, std::size_t rules) {
    cases.push_back({name, kTimes, [rules] {
                         config::Config config;
                         config.channels.clear();
                         for (std::size_t i = 1; i < rules; ++i) {
                             config.channels.emplace_back().match = "area" + std::to_string(i) + "/+/#";
                         }
                         config.channels.emplace_back().store = false;
                         auto authoriser = std::make_unique<access::Authoriser>(config);
                         return repeat([authoriser = std::move(authoriser)] {
                             benchmark::DoNotOptimize(authoriser->may(
                                 *access::anonymous(), access::Action::publish_message, kTopic));
                         });
                     }});
}

}  // namespace

void add_topic_cases(Cases& cases) {
    cases.push_back({"topic/check_name", kTimes, [] {
                         return repeat([] { benchmark::DoNotOptimize(mqtt::check_topic_name(kTopic)); });
                     }});
    cases.push_back({"topic/check_filter", kTimes, [] {
                         return repeat(
                             [] { benchmark::DoNotOptimize(mqtt::check_topic_filter("site/+/room/12/#")); });
                     }});
    add_match(cases, "topic/match_exact", kExact);
    add_match(cases, "topic/match_plus", kPlus);
    add_match(cases, "topic/match_hash", kHash);
    add_index_cases(cases);
    add_retained_cases(cases);
    add_access_case(cases, "access/may_publish_1_rule", 1);
    add_access_case(cases, "access/may_publish_10_rules", 10);
}

}  // namespace millrace::bench
