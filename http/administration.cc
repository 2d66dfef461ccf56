#include "http/administration.h"

#include <algorithm>

#include "core/channel_name.h"
#include "core/keyed_page.h"
#include "core/message_json.h"
#include "http/answer_address.h"
#include "http/join_hook.h"
#include "http/publish.h"
#include "http/target.h"
#include "mqtt/broker/client_source.h"

namespace millrace::http {
namespace {

constexpr std::uint64_t kPage = 100;
constexpr std::uint64_t kPageMax = 1000;

/// False, and answered: `limit` or `after` is not well formed.
bool read_limit(Exchange& exchange, std::uint64_t& limit) {
    std::optional<std::uint64_t> wanted;
    const bool legal = read_number(exchange.request.query, "limit", wanted) && wanted != 0U;
    limit = std::min(wanted.value_or(kPage), kPageMax);
    if (!legal) exchange.session.fail(bad_request("`limit` must be a positive number"));
    return legal;
}

bool read_page(Exchange& exchange, std::string& after, std::uint64_t& limit) {
    const auto given = query_parameter(exchange.request.query, "after");
    const std::optional<std::string> decoded = percent_decode(given.value_or(""));
    if (decoded) {
        after = *decoded;
        return read_limit(exchange, limit);
    }
    exchange.session.fail(bad_request("`after` is not percent-encoded"));
    return false;
}

/// The channel of the path; empty, and answered: there is none.
std::string read_channel(Exchange& exchange) {
    std::optional<std::string> channel = percent_decode(exchange.parameter);
    if (channel && is_channel_name(*channel)) return std::move(*channel);
    exchange.session.fail(bad_request("the path does not name a channel"));
    return {};
}

void answer_json(Session& session, const ByteBuffer& body) {
    session.answer({.status = 200,
                    .content_type = kJson,
                    .body = body.text(),
                    .headers = "Cache-Control: no-store\r\n"});
}

/// What is passed as `after` to get the next page; null: there is none.
void append_next(ByteBuffer& out, std::string_view next) {
    out.append(",\"next\":");
    if (next.empty()) {
        out.append("null}");
    } else {
        append_json_string(out, next);
        out.append("}");
    }
}

void append_member(ByteBuffer& out, std::string_view name, std::string_view text) {
    out.append(",\"");
    out.append(name);
    out.append("\":");
    append_json_string(out, text);
}

/// Puts the pages of all shards together.
class ListingClients final : public Waiting {
  public:
    ListingClients(mqtt::ClientPage page, unsigned shards) : page_(std::move(page)), missing_(shards) {}

    void take(Session& session, mqtt::ClientPage part) {
        page_.merge(std::move(part));
        if (--missing_ != 0) return;
        const bool more = page_.cut();
        ByteBuffer& body = session.server().scratch();
        body.append("{\"clients\":[");
        bool first = true;
        for (const auto& [id, info] : page_.items()) {
            if (!std::exchange(first, false)) body.append(",");
            append(body, id, info);
        }
        body.append("]");
        append_next(body, more ? std::string_view(page_.items().rbegin()->first) : std::string_view{});
        answer_json(session, body);
    }

  private:
    static void append(ByteBuffer& out, std::string_view id, const mqtt::ClientInfo& info) {
        out.append("{\"id\":");
        append_json_string(out, id);
        append_member(out, "address", info.address);
        append_member(out, "protocol", info.protocol);
        append_member(out, "transport", info.transport);
        if (!info.user.empty()) append_member(out, "user", info.user);
        out.append(",\"connected_at\":");
        append_json_time(out, info.connected_at_us);
        out.append("}");
    }

    mqtt::ClientPage page_;
    unsigned missing_;
};

class Disconnecting final : public Waiting {
  public:
    explicit Disconnecting(unsigned shards) : missing_(shards) {}

    void take(Session& session, bool found) {
        found_ |= found;
        if (--missing_ != 0) return;
        if (found_) return session.answer({.status = 204, .content_type = {}, .body = {}, .headers = {}});
        Problem problem = problem_of(Errc::not_found);
        problem.detail = "no such client is connected";
        session.fail(problem);
    }

  private:
    unsigned missing_;
    bool found_ = false;
};

struct ChannelRow {
    store::ChannelInfo stored;
    std::size_t clients = 0;
};
using ChannelPage = KeyedPage<ChannelRow>;

/// First the names, from the store and from all shards; then, for those of the page, the numbers of clients.
class ListingChannels final : public Waiting {
  public:
    ListingChannels(ChannelPage page, unsigned shards) : page_(std::move(page)), missing_(shards + 1) {}

    void take_subscribed(Session& session, const ChannelPage& part) {
        ChannelPage names = part;
        for (auto& [name, row] : names.items()) {
            if (!page_.items().contains(name)) page_.add(name, std::move(row));
        }
        took_one(session);
    }
    void take_stored(Session& session, Result<std::vector<store::ChannelInfo>> channels) {
        if (!channels) return session.fail(problem_of(channels.error()));
        for (store::ChannelInfo& info : *channels) {
            const std::string name = info.name;
            page_.add(name, {.stored = std::move(info), .clients = 0});
        }
        took_one(session);
    }
    void take_counts(Session& session, const std::vector<std::size_t>& counts) {
        std::size_t at = 0;
        for (auto& [name, row] : page_.items()) row.clients += counts[at++];
        if (--missing_ == 0) answer(session);
    }

  private:
    void took_one(Session& session) {
        if (--missing_ != 0) return;
        more_ = page_.cut();
        missing_ = session.server().broker().shards();
        std::vector<std::string> names;
        for (const auto& [name, row] : page_.items()) names.push_back(name);
        ask_shards<ListingChannels>(
            session,
            [names](mqtt::Broker& broker) {
                std::vector<std::size_t> counts;
                for (const std::string& name : names) counts.push_back(broker.count_clients(name));
                return counts;
            },
            [](Session& asking, ListingChannels& listing, const std::vector<std::size_t>& counts) {
                listing.take_counts(asking, counts);
            });
    }

    void answer(Session& session) {
        const access::Authoriser& authoriser = session.server().authoriser();
        ByteBuffer& body = session.server().scratch();
        body.append("{\"channels\":[");
        bool first = true;
        for (const auto& [name, row] : page_.items()) {
            if (!std::exchange(first, false)) body.append(",");
            append(body, name, row, authoriser.rule_for(name).store);
        }
        body.append("]");
        append_next(body, more_ ? std::string_view(page_.items().rbegin()->first) : std::string_view{});
        answer_json(session, body);
    }

    static void append(ByteBuffer& out, std::string_view name, const ChannelRow& row, bool store) {
        out.append("{\"channel\":");
        append_json_string(out, name);
        out.append(store ? ",\"store\":true" : ",\"store\":false");
        if (store || row.stored.last != 0) {
            out.append(",\"first\":");
            append_decimal(out, row.stored.first);
            out.append(",\"last\":");
            append_decimal(out, row.stored.last);
            out.append(",\"messages\":");
            append_decimal(out, row.stored.rows());
        }
        out.append(",\"subscribers\":");
        append_decimal(out, row.clients);
        out.append("}");
    }

    ChannelPage page_;
    unsigned missing_;
    bool more_ = false;
};

class Purging final : public Waiting {
  public:
    static void take(Session& session, const Result<store::Purged>& purged) {
        if (!purged) return session.fail(problem_of(purged.error()));
        ByteBuffer& body = session.server().scratch();
        body.append("{\"deleted\":");
        append_decimal(body, purged->deleted);
        body.append(",\"first\":");
        append_decimal(body, purged->channel.first);
        body.append(",\"last\":");
        append_decimal(body, purged->channel.last);
        body.append("}");
        answer_json(session, body);
    }
};

class ListingMembers final : public Waiting {
  public:
    static void take(Session& session, const mqtt::RosterPage& page) {
        ByteBuffer& body = session.server().scratch();
        body.append("{\"presence\":");
        body.append(page.members);
        body.append(",\"total\":");
        append_decimal(body, page.total);
        append_next(body, page.next);
        answer_json(session, body);
    }
};

}  // namespace

void serve_clients(Exchange& exchange) {
    std::string after;
    std::uint64_t limit = 0;
    if (!read_page(exchange, after, limit)) return;
    const mqtt::ClientPage page(std::move(after), limit);
    exchange.session.wait(std::make_unique<ListingClients>(page, exchange.server.broker().shards()));
    ask_shards<ListingClients>(
        exchange.session,
        [page](mqtt::Broker& broker) {
            mqtt::ClientPage part = page;
            for (mqtt::ClientSource* source : broker.clients()) source->list_clients(part);
            return part;
        },
        [](Session& session, ListingClients& listing, mqtt::ClientPage part) {
            listing.take(session, std::move(part));
        });
}

void disconnect_client(Exchange& exchange) {
    const std::optional<std::string> id = percent_decode(exchange.parameter);
    if (!id) return exchange.session.fail(bad_request("the path does not name a client"));
    exchange.session.wait(std::make_unique<Disconnecting>(exchange.server.broker().shards()));
    ask_shards<Disconnecting>(
        exchange.session,
        [id = *id](mqtt::Broker& broker) {
            return std::ranges::any_of(
                broker.clients(), [&](mqtt::ClientSource* source) { return source->disconnect_client(id); });
        },
        [](Session& session, Disconnecting& waiting, bool found) { waiting.take(session, found); });
}

void serve_channels(Exchange& exchange) {
    std::string after;
    std::uint64_t limit = 0;
    if (!read_page(exchange, after, limit)) return;
    const ChannelPage page(after, limit);
    mqtt::Broker& own = exchange.server.broker();
    exchange.session.wait(std::make_unique<ListingChannels>(page, own.shards()));
    ask_shards<ListingChannels>(
        exchange.session,
        [page](mqtt::Broker& broker) {
            ChannelPage names = page;
            broker.subscriptions().for_each_exact([&](const std::string& name) { names.add(name, {}); });
            return names;
        },
        [](Session& session, ListingChannels& listing, const ChannelPage& part) {
            listing.take_subscribed(session, part);
        });
    auto done = [address =
                     AnswerAddress(exchange.session)](Result<std::vector<store::ChannelInfo>> channels) {
        address.give<ListingChannels>([&](Session& session, ListingChannels& listing) {
            listing.take_stored(session, std::move(channels));
        });
    };
    const auto rows = static_cast<std::uint32_t>(limit + 1);
    own.store().list_channels(std::move(after), rows, exchange.server.shard(), std::move(done));
}

void purge_channel(Exchange& exchange) {
    store::Trim trim;
    trim.channel = read_channel(exchange);
    if (trim.channel.empty()) return;
    std::optional<std::uint64_t> before;
    if (!read_number(exchange.request.query, "before", before) || before == 0U) {
        return exchange.session.fail(bad_request("`before` must be a positive number"));
    }
    trim.before_seq = before.value_or(0);
    exchange.session.wait(std::make_unique<Purging>());
    auto done = [address = AnswerAddress(exchange.session)](const Result<store::Purged>& purged) {
        address.give<Purging>([&](Session& session, Purging&) { Purging::take(session, purged); });
    };
    exchange.server.broker().store().purge(std::move(trim), exchange.server.shard(), std::move(done));
}

void serve_presence(Exchange& exchange) {
    const std::string channel = read_channel(exchange);
    if (channel.empty()) return;
    std::string after;
    std::uint64_t limit = 0;
    if (!read_page(exchange, after, limit)) return;
    if (!after.empty() && !after.starts_with(mqtt::kMqttSocketId) && !parse_number(after)) {
        return exchange.session.fail(bad_request("`after` must be the `next` of the page before"));
    }
    const access::Authoriser& authoriser = exchange.server.authoriser();
    const auto decision = authoriser.may(*exchange.principal, access::Action::see_presence, channel);
    Problem problem = problem_of(decision.allowed ? Errc::not_found : Errc::not_authorised);
    problem.detail = decision.allowed ? "the rule of this channel says `presence: false`" : decision.reason;
    mqtt::Presence* presence = exchange.server.broker().presence();
    const bool kept = presence != nullptr && authoriser.rule_for(channel).presence;
    if (!decision.allowed || !kept) return exchange.session.fail(problem);
    auto list = [presence, channel, after, limit](Session& session) {
        session.wait(std::make_unique<ListingMembers>());
        auto done = [address = AnswerAddress(session)](const mqtt::RosterPage& page) {
            address.give<ListingMembers>(
                [&](Session& asking, ListingMembers&) { ListingMembers::take(asking, page); });
        };
        presence->list_members(channel, after, limit, std::move(done));
    };
    after_join_hook(exchange, channel, hooks::Door::http, std::move(list));
}

}  // namespace millrace::http
