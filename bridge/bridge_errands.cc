// What one browser has a bridge do on other shards: private messages, receipts, cursors.
#include <utility>

#include "bridge/bridge.h"
#include "bridge/session.h"

namespace millrace::bridge {

void Bridge::send_private(Private message, SocketId to, bool authenticated_only) {
    // A name that no bridge gave out is as unknown as that of a socket that has gone.
    Bridge& target = to.shard < bridges_.size() ? *bridges_[to.shard] : *this;
    target.shard().post([&target, message = std::move(message), to, authenticated_only] {
        target.deliver_private(message, to, authenticated_only);
    });
}

void Bridge::deliver_private(const Private& message, const SocketId& to, bool authenticated_only) {
    Session* receiver = find(to);
    std::string_view failure;
    if (receiver == nullptr || !receiver->is_member(message.channel)) {
        failure = "No member of this channel has that socketId.";
    } else if (authenticated_only && !receiver->principal().authenticated()) {
        failure = "Private messages of this channel are for authenticated clients.";
    } else {
        receiver->send_private(message);
        return;
    }
    Bridge& source = *bridges_[message.from.shard];
    source.shard().post([&source, channel = message.channel, from = message.from, failure] {
        if (Session* sender = source.find(from)) sender->send_error(channel, failure, "not_delivered");
    });
}

/// Begins on the sender's shard, goes through all others and ends where it began.
void Bridge::send_round(Round round) {
    const bool all = round.shards == bridges_.size();
    if (all) {
        if (Session* sender = find(round.from)) sender->send_receipt(round);
        return;
    }
    round.reached += round.direct ? deliver_direct(round) : broker_.count_clients(round.channel);
    ++round.shards;
    Bridge& next = *bridges_[(shard().index() + 1) % bridges_.size()];
    next.shard().post([&next, round = std::move(round)]() mutable { next.send_round(std::move(round)); });
}

std::size_t Bridge::deliver_direct(const Round& round) {
    std::size_t reached = 0;
    for (const Generation generation : {Generation::first, Generation::second}) {
        const Room* room = find_room(round.channel, generation);
        if (room == nullptr) continue;
        for (const Room::Member& member : room->members()) {
            const access::Principal& principal = member.session->principal();
            if (principal.dbo_id != round.to_dbo_id || principal.row_id != round.to_row_id) continue;
            member.session->send_private(*round.direct);
            ++reached;
        }
    }
    return reached;
}

/// What limits.bridge_cursors leaves to each shard.
Cursors::Limits Bridge::cursor_limits() const {
    return {.cursors = limits().bridge_cursors / bridges_.size(), .unused = limits().bridge_cursor_expiry};
}

void Bridge::move_cursor(CursorMove move) {
    Bridge& home = home_of(move.channel);
    home.shard().post([&home, move = std::move(move)] {
        Cursors& cursors = home.cursors_;
        const TimePoint now = home.shard().timers().now();
        std::uint64_t cursor = move.seq;
        if (move.how == CursorMove::How::begin) {
            cursors.begin(move.reader, move.seq, now, home.cursor_limits());
        } else {
            cursor = cursors.acknowledge(move.reader, move.seq, now, home.cursor_limits());
        }
        home.shard().counters().dropped_cursors.add(cursors.take_dropped());
        if (move.asker == SocketId{}) return;
        Bridge& asking = *home.bridges_[move.asker.shard];
        asking.shard().post([&asking, channel = move.channel, asker = move.asker, cursor] {
            if (Session* session = asking.find(asker)) session->on_acknowledged(channel, cursor);
        });
    });
}

void Bridge::find_cursor(std::string_view channel, std::string reader, const SocketId& asker) {
    Bridge& home = home_of(channel);
    home.shard().post([this, &home, channel = std::string(channel), reader = std::move(reader), asker] {
        const TimePoint now = home.shard().timers().now();
        const auto cursor = home.cursors_.find(reader, now, home.cursor_limits());
        shard().post([this, channel, asker, cursor] {
            if (Session* session = find(asker)) session->on_cursor(channel, cursor);
        });
    });
}

}  // namespace millrace::bridge
