#include "bridge/joining.h"

#include <algorithm>
#include <utility>

#include "bridge/bridge.h"
#include "bridge/session.h"

namespace millrace::bridge {

std::vector<MessagePtr> newest_for(const access::Principal& principal, std::vector<MessagePtr> messages,
                                   std::size_t bytes) {
    std::vector<MessagePtr> chosen;
    std::size_t total = 0;
    for (auto message = messages.rbegin(); message != messages.rend(); ++message) {
        if (!access::may_receive(principal, (*message)->audience())) continue;
        total += (*message)->footprint();
        if (total > bytes && !chosen.empty()) break;
        chosen.push_back(std::move(*message));
    }
    std::ranges::reverse(chosen);
    return chosen;
}

Joining::Joining(Session& session, ClientFrame frame, bool fresh, bool wildcard)
    : session_(session),
      request_(std::move(frame)),
      fresh_(fresh),
      wildcard_(wildcard),
      ahead_bytes_(std::min(store::kAheadBytes, session.bridge().limits().outbox_bytes / 4)),
      catch_up_(*this, request_.channel, ahead_bytes_) {}

bool Joining::stored() const {
    return !wildcard_ && session_.authoriser().rule_for(channel()).store;
}

store::Range Joining::newest(std::uint32_t limit) const {
    return {.channel = channel(), .after = {}, .before = {}, .limit = limit};
}

void Joining::read(store::Range range) {
    session_.read(std::move(range));
}

bool Joining::has_room() {
    return session_.outbox_bytes() <= ahead_bytes_;
}

void Joining::refuse() {
    if (fresh_) session_.leave(channel());
    session_.finish_joining();
}

void Joining::go_live() {
    if (!fresh_) return;
    Room::Member& member = session_.member(channel());
    member.catching_up = false;
    member.through = catch_up_.cursor();
}

bool Joining::enter_roster() {
    const access::Authoriser& authoriser = session_.authoriser();
    if (wildcard_ || !authoriser.rule_for(channel()).presence) return false;
    const bool watch = request_.presence &&
                       authoriser.may(session_.principal(), access::Action::see_presence, channel()).allowed;
    session_.enter_roster(channel(), watch);
    return watch;
}

void Joining::take_roster(const SharedFrame& frame) {
    session_.member(channel()).watch = Watch::changes;
    session_.send(frame);
}

void FirstJoining::start() {
    const config::ChannelRule& rule = session_.authoriser().rule_for(request_.channel);
    if (fresh_ && stored() && request_.after) {
        session_.member(channel()).catching_up = true;
        const bool same_epoch = request_.epoch.empty() || request_.epoch == session_.epoch();
        return catch_up_.resume(*request_.after, same_epoch);
    }
    acknowledge({});
    if (!stored() || !request_.history || rule.history == 0) return catch_up_.join(0);
    if (fresh_) session_.member(channel()).catching_up = true;
    step_ = Step::history;
    read(newest(static_cast<std::uint32_t>(rule.history)));
}

/// `reset_to`: the position asked for is not in the store, whose history begins there.
void FirstJoining::acknowledge(std::optional<std::uint64_t> reset_to) {
    const JoinAck ack{.channel = request_.channel,
                      .socket = session_.id(),
                      .reset = reset_to.has_value(),
                      .first = reset_to.value_or(0)};
    ByteBuffer& text = session_.bridge().scratch();
    append_join(text, ack);
    session_.send(text.view());
}

void FirstJoining::on_page(Result<store::Page> page) {
    if (step_ != Step::history || !page) return catch_up_.on_page(std::move(page));
    send_history(std::move(*page));
}

void FirstJoining::send_history(store::Page page) {
    const auto chosen = newest_for(session_.principal(), std::move(page.messages), session_.history_bytes());
    session_.send_history(channel(), chosen);
    step_ = Step::catch_up;
    catch_up_.join(page.last);
}

void FirstJoining::send(const MessagePtr& message) {
    if (access::may_receive(session_.principal(), message->audience())) session_.send_message(*message);
}

void FirstJoining::failed(error_code error) {
    session_.send_error(channel(), "The history of this channel cannot be read now.", code_of(error));
    if (step_ == Step::history && !catch_up_.has_gap()) return catch_up_.join(0);
    refuse();
}

void FirstJoining::caught_up() {
    go_live();
    if (!enter_roster()) return session_.finish_joining();
    step_ = Step::presence;
}

void FirstJoining::on_presence_full(const SharedFrame& frame) {
    if (step_ != Step::presence) return;
    take_roster(frame);
    session_.finish_joining();
}

}  // namespace millrace::bridge
