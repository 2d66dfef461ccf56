// What a browser asks for: join, leave, message, history. What only the second generation knows stands in
// session_v2.cc.
#include <algorithm>
#include <memory>
#include <utility>

#include "bridge/bridge.h"
#include "bridge/joining_v2.h"
#include "bridge/session.h"
#include "core/channel_name.h"
#include "mqtt/broker/entrance.h"
#include "mqtt/broker/hooks.h"
#include "mqtt/broker/message_type.h"

namespace millrace::bridge {

bool Session::is_legal(std::string_view name, bool wildcard) const {
    const config::Limits& limits = bridge_.limits();
    const auto levels = static_cast<std::size_t>(std::ranges::count(name, '/')) + 1;
    if (name.size() > limits.topic_bytes || levels > limits.topic_levels) return false;
    if (name.starts_with("$share/")) return false;
    return wildcard ? is_channel_filter(name) : is_channel_name(name);
}

/// False, and the browser was told: nothing can be called that.
bool Session::check_name(std::string_view channel, bool wildcard) {
    if (is_legal(channel, wildcard)) return true;
    send_error(channel, channel.empty() ? "options.channel is missing." : "This is not a legal channel name.",
               code_of(make_error_code(Errc::invalid_channel)));
    return false;
}

/// True, and the browser was told: the authoriser said no.
bool Session::refuse(std::string_view channel, const access::Decision& decision) {
    if (decision.allowed) return false;
    send_error(channel, decision.reason, code_of(make_error_code(Errc::not_authorised)));
    return true;
}

void Session::handle(ClientFrame frame) {
    switch (frame.action) {
        case ClientFrame::Action::join:
            return handle_join(std::move(frame));
        case ClientFrame::Action::leave:
            return handle_leave(frame);
        case ClientFrame::Action::message:
            return frame.second ? handle_broadcast(frame) : handle_message(frame);
        case ClientFrame::Action::history:
            return handle_history(std::move(frame));
        case ClientFrame::Action::ping:
            return handle_ping();
        case ClientFrame::Action::ack:
            return handle_ack(frame);
        case ClientFrame::Action::presence:
            return handle_presence(frame);
        case ClientFrame::Action::unknown:
            break;
    }
    send_error(frame.channel, dialect().unknown_action(), "unknown_action");
}

access::Decision Session::may_join(std::string_view name, bool wildcard) const {
    access::Decision decision = wildcard ? authoriser().may_subscribe(*principal_, name)
                                         : authoriser().may(*principal_, access::Action::join, name);
    if (!wildcard && !decision.allowed && !principal_->authenticated()) {
        decision.reason = "Anonymous clients cannot join this channel.";
    }
    return decision;
}

void Session::review() {
    if (refused_ || connection_.closing()) return;
    if (!principal_->authenticated() && !mqtt::anonymous_allowed(bridge_.broker(), connection_)) {
        send_error({}, "Anonymous clients cannot connect: auth.anonymous is false.", "not_authorised");
        return close(websocket::CloseCode::unauthorised, "anonymous clients cannot connect");
    }
    if (!authoriser().knows(*principal_)) {
        send_error({}, "The credentials are not valid any more.", "not_authorised");
        return close(websocket::CloseCode::unauthorised, "the credentials are not valid any more");
    }
    std::vector<std::string> lost;
    for (const Membership& membership : memberships_) {
        const Room& room = *membership.room;
        if (may_join(room.name(), room.wildcard()).allowed) continue;
        // A join under way cannot be taken back: the browser shall begin anew.
        if (joining_ && joining_->channel() == room.name())
            return close(websocket::CloseCode::service_restart, "the permissions have changed");
        lost.push_back(room.name());
    }
    for (const std::string& name : lost) {
        leave(name);
        send_error(name, "The permissions have changed: this channel is not open to you any more.",
                   "not_authorised");
    }
}

void Session::handle_join(ClientFrame frame) {
    const bool wildcard = has_wildcard(frame.channel);
    if (!check_name(frame.channel, wildcard) || !remember_client(frame)) return;
    if (refuse(frame.channel, may_join(frame.channel, wildcard))) return;
    if (!ask_to_join(frame, &Session::join)) join(std::move(frame));
}

/// False: no hook has a say in it. Otherwise `go_on` follows when all allow, and until then no frame is read.
bool Session::ask_to_join(ClientFrame& frame, void (Session::*go_on)(ClientFrame)) {
    mqtt::Hooks* const hooks = bridge_.broker().hooks();
    if (hooks == nullptr) return false;
    ByteBuffer& client = bridge_.scratch();
    append_member(client, id_, *principal_);
    const auto kept = std::make_shared<ClientFrame>(frame);
    const auto done = [bridge = &bridge_, id = id_, kept, go_on](const hooks::Verdict& verdict) {
        Session* session = bridge->find(id);
        if (session == nullptr) return;
        session->asking_hooks_ = false;
        if (!session->refuse(kept->channel, {verdict.allowed(), verdict.reason}))
            (session->*go_on)(std::move(*kept));
        session->read_on();
    };
    asking_hooks_ =
        hooks->ask_join({kept->channel, hooks::Door::websocket, *principal_, client.text()}, done);
    return asking_hooks_;
}

void Session::join(ClientFrame frame) {
    const bool wildcard = has_wildcard(frame.channel);
    // While a hook was asked, the permissions may have changed.
    if (refuse(frame.channel, may_join(frame.channel, wildcard))) return;
    const bool fresh = !is_member(frame.channel);
    if (fresh && memberships_.size() >= bridge_.limits().bridge_channels) {
        return send_error(frame.channel, "Too many channels on one connection: limits.bridge_channels.",
                          "too_many_channels");
    }
    if (fresh) {
        Room& room = bridge_.room(frame.channel, wildcard, generation_);
        memberships_.push_back({&room, room.add(*this, connection_), false});
    }
    if (generation_ == Generation::first) {
        joining_ = std::make_unique<FirstJoining>(*this, std::move(frame), fresh, wildcard);
    } else {
        joining_ = std::make_unique<SecondJoining>(*this, std::move(frame), fresh, wildcard);
    }
    joining_->start();
}

void Session::handle_leave(const ClientFrame& frame) {
    leave(frame.channel);
    ByteBuffer& text = bridge_.scratch();
    dialect().append_leave(text, frame.channel);
    send(text.view());
}

void Session::handle_message(const ClientFrame& frame) {
    if (!check_name(frame.channel, false)) return;
    const bool is_private = frame.is_private;
    const auto action = is_private ? access::Action::publish_private : access::Action::publish_message;
    if (refuse(frame.channel, authoriser().may(*principal_, action, frame.channel))) return;
    if (is_private) {
        handle_private(frame);
    } else {
        publish(frame);
    }
}

void Session::handle_private(const ClientFrame& frame) {
    if (!is_member(frame.channel)) {
        return send_error(frame.channel, "Join the channel before writing to a member.", "not_joined");
    }
    if (!frame.second && frame.socket_id.starts_with(mqtt::kMqttSocketId)) {
        return send_error(frame.channel, "MQTT clients cannot be written to by socketId.", "not_delivered");
    }
    if (!ask_to_write(frame)) send_private(frame);
}

/// False: a private message need not wait for a hook. Frames are read on meanwhile.
bool Session::ask_to_write(const ClientFrame& frame) {
    mqtt::Hooks* const hooks = bridge_.broker().hooks();
    if (hooks == nullptr) return false;
    auto done = [bridge = &bridge_, id = id_,
                 kept = std::make_shared<ClientFrame>(frame)](const hooks::Verdict& verdict) {
        Session* session = bridge->find(id);
        if (session == nullptr || session->refuse(kept->channel, {verdict.allowed(), verdict.reason})) return;
        // While the hook was asked, the permissions may have changed.
        const access::Action action = access::Action::publish_private;
        const bool refused = session->refuse(
            kept->channel, session->authoriser().may(*session->principal_, action, kept->channel));
        if (refused) return;
        if (verdict.payload) kept->payload = verdict.payload->bytes;
        session->send_private(*kept);
    };
    return hooks->ask_private({*principal_, message_of(frame), frame.socket_id, connection_.id()},
                              std::move(done));
}

void Session::send_private(const ClientFrame& frame) {
    if (frame.second) return handle_direct(frame);
    const bool strict = authoriser().rule_for(frame.channel).private_messages == config::Who::authenticated;
    bridge_.send_private(letter(frame), parse_socket_id(frame.socket_id).value_or(SocketId{}), strict);
}

MessagePtr Session::message_of(const ClientFrame& frame) {
    ByteBuffer& client = bridge_.scratch();
    append_member(client, id_, *principal_);
    ByteBuffer properties;
    if (frame.second) mqtt::append_message_type(properties, frame.second->type);
    MessageFields fields;
    fields.channel = frame.channel;
    fields.payload = as_bytes(frame.payload);
    fields.encoding = Encoding::json;
    fields.qos = kQosOfSubscription;
    fields.client = client.text();
    fields.properties = properties.view();
    if (frame.second && frame.is_private) {
        fields.audience.dbo_id = frame.second->to_dbo_id;
        fields.audience.row_id = frame.second->to_row_id;
    }
    fields.audience.authenticated_only = frame.authenticated;
    return Message::create(fields);
}

void Session::publish(const ClientFrame& frame) {
    MessagePtr message = message_of(frame);
    const std::uint64_t token = next_token_++;
    const auto state = bridge_.broker().publish(
        {principal_.get(), message, connection_.id(), token, hooks::Door::websocket});
    if (!state) {
        send_error(frame.channel, "The message was not taken: " + state.error().message(),
                   code_of(state.error()));
    } else if (*state == mqtt::PublishState::pending) {
        pending_.push_back({token, std::move(message)});
    } else {
        confirm(frame.channel, 0);
    }
}

void Session::handle_history(ClientFrame frame) {
    if (!check_name(frame.channel, false)) return;
    // A member was asked about when it joined.
    if (is_member(frame.channel) || !ask_to_join(frame, &Session::read_history))
        read_history(std::move(frame));
}

void Session::read_history(ClientFrame frame) {
    if (refuse(frame.channel, authoriser().may(*principal_, access::Action::read_history, frame.channel)))
        return;
    const config::ChannelRule& rule = authoriser().rule_for(frame.channel);
    if (!rule.store || rule.history == 0) return send_history(frame.channel, newest(frame.channel));
    reading_history_ = true;
    mqtt::read(
        bridge_.broker(), newest(frame.channel),
        [bridge = &bridge_, id = id_, channel = frame.channel](const Result<mqtt::ReadablePage>& page) {
            if (Session* session = bridge->find(id)) session->on_history(channel, page);
        });
}

void Session::on_history(const std::string& channel, const Result<mqtt::ReadablePage>& page) {
    reading_history_ = false;
    if (page) {
        send_history(channel, *page);
    } else {
        send_error(channel, "The history of this channel cannot be read now.", code_of(page.error()));
    }
    read_on();
}

}  // namespace millrace::bridge
