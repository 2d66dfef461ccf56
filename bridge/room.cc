#include "bridge/room.h"

#include "bridge/bridge.h"
#include "bridge/session.h"
#include "core/net/websocket.h"

namespace millrace::bridge {

Room::Room(Bridge& bridge, std::string name, bool wildcard, Generation generation)
    : bridge_(bridge), name_(std::move(name)), wildcard_(wildcard), generation_(generation) {
    bridge_.broker().subscribe(name_, *this, {});
}

Room::~Room() {
    bridge_.broker().unsubscribe(name_, *this);
}

std::uint32_t Room::add(Session& session, Connection& connection) {
    members_.push_back({.session = &session, .connection = &connection});
    return static_cast<std::uint32_t>(members_.size() - 1);
}

void Room::remove(std::uint32_t index) {
    if (index + 1 != members_.size()) {
        members_[index] = members_.back();
        members_[index].session->moved(*this, index);
    }
    members_.pop_back();
}

/// A message that no audience narrows and that no filter brought is for everybody; this is for the others.
bool Room::wants(const Member& member, const Message& message) const {
    const Session& session = *member.session;
    if (!wildcard_) return access::may_receive(session.principal(), message.audience());
    return session.authoriser().may_receive(session.principal(), message) &&
           !session.gets_elsewhere(*this, message.channel());
}

void Room::deliver(const MessagePtr& message, const mqtt::Match&) {
    const ByteView frame = bridge_.encode(*message, generation_);
    MessagePtr shared;
    if (frame.size() >= Outbox::kShareAtLeast) {
        MessageFields fields;
        fields.payload = frame;
        shared = Message::create(fields);
    }
    const bool ask = wildcard_ || !message->audience().everyone();
    const std::size_t limit = bridge_.limits().outbox_bytes;
    const std::uint64_t seq = message->seq();
    std::uint64_t sent = 0;
    for (Member& member : members_) {
        Connection& connection = *member.connection;
        if (connection.closing() || (seq != 0 && seq <= member.through)) continue;
        if (ask && !wants(member, *message)) continue;
        if (member.catching_up) {
            member.session->hold(message);
            continue;
        }
        Outbox& out = connection.out();
        if (out.bytes() > limit) {
            member.session->close_slow();
            continue;
        }
        if (shared) {
            out.append_shared(shared, shared->payload());
        } else {
            out.append(frame);
        }
        connection.wake();
        ++sent;
    }
    bridge_.shard().counters().messages_out.add(sent);
}

void Room::presence_update(const SharedFrame& frame) {
    const std::size_t limit = bridge_.limits().outbox_bytes / 2;
    for (Member& member : members_) {
        if (member.watch == Watch::nothing || member.connection->closing()) continue;
        if (member.watch != Watch::changes || member.connection->out().bytes() > limit) {
            if (member.watch == Watch::changes) member.watch = Watch::stale;
            member.session->dropped_presence();
            continue;
        }
        member.connection->out().append(frame->payload());
        member.connection->wake();
    }
}

}  // namespace millrace::bridge
