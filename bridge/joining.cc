#include "bridge/joining.h"

#include <algorithm>
#include <utility>

#include "bridge/bridge.h"
#include "bridge/session.h"

namespace millrace::bridge {

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

bool Joining::wants_history() const {
    return stored() && request_.history && session_.authoriser().rule_for(channel()).history != 0;
}

store::Range Joining::newest() const {
    return {.channel = channel(), .after = {}, .before = {}, .limit = 1};
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

void Joining::go_live(std::uint64_t begin) {
    if (!fresh_) return;
    Room::Member& member = session_.member(channel());
    member.catching_up = false;
    member.through = catch_up_.cursor();
    session_.begin_of(channel()) = begin;
}

bool Joining::lacks_nothing(std::uint64_t after, std::uint64_t last) const {
    return after == last || (after < last && session_.begin_of(channel()) <= after);
}

std::string_view Joining::reason_of(bool same_epoch, std::uint64_t after, std::uint64_t first) const {
    if (!same_epoch) return "other_epoch";
    if (first <= after) return "unknown_position";
    return fresh_ ? "not_retained" : "already_joined";
}

std::string_view Joining::reason_of_none() const {
    return wildcard_ ? "filter" : "live_channel";
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

FirstJoining::FirstJoining(Session& session, ClientFrame frame, bool fresh, bool wildcard)
    : Joining(session, std::move(frame), fresh, wildcard), begin_(Session::kNotKnown) {}

void FirstJoining::start() {
    if (request_.after && stored()) {
        if (fresh_) {
            session_.member(channel()).catching_up = true;
            return catch_up_.resume(*request_.after, same_epoch());
        }
        step_ = Step::position;
        return read(newest());
    }
    JoinAck ack;
    ack.reset = request_.after.has_value();
    if (ack.reset) ack.reason = reason_of_none();
    acknowledge(ack);
    show_history();
}

bool FirstJoining::same_epoch() const {
    return request_.epoch.empty() || request_.epoch == session_.epoch();
}

/// No seq comes twice on a connection, and none behind a later one: whoever is a member already is told
/// whether it lacks something, and is sent nothing again.
void FirstJoining::judge(const store::Page& newest) {
    JoinAck ack;
    ack.reset = !same_epoch() || !lacks_nothing(*request_.after, newest.last);
    if (ack.reset) {
        ack.first = newest.last + 1;
        ack.reason = reason_of(same_epoch(), *request_.after, ack.first);
    }
    acknowledge(ack);
    show_history();
}

void FirstJoining::show_history() {
    step_ = Step::catch_up;
    if (!wants_history()) return catch_up_.join(0);
    if (fresh_) session_.member(channel()).catching_up = true;
    step_ = Step::history;
    session_.read_newest(channel());
}

void FirstJoining::position_found() {
    begin_ = *request_.after;
    acknowledge();
}

/// The position asked for is not in the store, or no longer: what follows begins at `first`.
void FirstJoining::position_lost(std::uint64_t first) {
    const bool overtaken = !request_.after || begin_ != Session::kNotKnown;
    JoinAck ack;
    ack.reset = true;
    ack.first = first;
    ack.reason = overtaken ? "not_retained" : reason_of(same_epoch(), *request_.after, first);
    begin_ = first - 1;
    acknowledge(ack);
}

void FirstJoining::acknowledge(JoinAck ack) {
    ack.channel = channel();
    ack.socket = session_.id();
    ByteBuffer& text = session_.bridge().scratch();
    append_join(text, ack);
    session_.send(text.view());
}

void FirstJoining::on_page(Result<store::Page> page) {
    if (step_ == Step::position && page) return judge(*page);
    catch_up_.on_page(std::move(page));
}

void FirstJoining::on_newest(Result<mqtt::ReadablePage> page) {
    if (!page) return failed(page.error());
    session_.send_history(channel(), *page);
    step_ = Step::catch_up;
    begin_ = page->last();
    catch_up_.join(begin_);
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
    go_live(begin_);
    if (!enter_roster()) return session_.finish_joining();
    step_ = Step::presence;
}

void FirstJoining::on_presence_full(const SharedFrame& frame) {
    if (step_ != Step::presence) return;
    take_roster(frame);
    session_.finish_joining();
}

}  // namespace millrace::bridge
