#include "bridge/joining_v2.h"

#include <utility>

#include "bridge/bridge.h"
#include "bridge/session.h"

namespace millrace::bridge {

void SecondJoining::start() {
    const SecondFields& fields = *request_.second;
    own_ = !fields.position.empty();
    resuming_ = own_ || (fresh_ && stored() && !session_.reader(channel(), fields.client_id).empty());
    if (!resuming_) return locate({});
    // What cannot be read as a position is of no life of the store.
    if (own_) return locate(v2::parse_position(fields.position).value_or(v2::Position{}));
    // What is said while the cursor is looked for comes behind the answer.
    session_.member(channel()).catching_up = true;
    session_.find_cursor(channel(), fields.client_id);
}

void SecondJoining::on_cursor(std::optional<Cursors::Place> cursor) {
    if (step_ != Step::cursor) return;
    if (!cursor) return locate({});
    own_ = cursor->acknowledged;
    locate(v2::Position{session_.epoch(), cursor->seq});
}

void SecondJoining::locate(std::optional<v2::Position> position) {
    asked_ = std::move(position);
    if (asked_ && !stored()) lost_ = reason_of_none();
    if (!(resuming_ && stored()) && !wants_history()) {
        acknowledge();
        return show_others();
    }
    if (fresh_) session_.member(channel()).catching_up = true;
    step_ = Step::newest;
    if (wants_history()) return session_.read_newest(channel());
    read(newest());
}

void SecondJoining::on_page(Result<store::Page> page) {
    if (step_ != Step::newest || !page) return catch_up_.on_page(std::move(page));
    look_at(page->first, page->last);
}

void SecondJoining::on_newest(Result<mqtt::ReadablePage> page) {
    if (!page) return failed(page.error());
    conversation_ = std::move(*page);
    look_at(conversation_->first(), conversation_->last());
}

void SecondJoining::look_at(std::uint64_t first, std::uint64_t last) {
    located_ = true;
    last_ = last;
    from_ = asked_ ? asked_->seq : last_;
    if (asked_) judge(first);
    acknowledge();
    keep_cursor();
    show_others();
}

/// Whether every message behind the position asked for is still there; of a member, whether it lacks any.
void SecondJoining::judge(std::uint64_t first) {
    const std::uint64_t oldest = first != 0 && fresh_ ? first : last_ + 1;
    const bool same_epoch = asked_->epoch == session_.epoch();
    const bool whole = fresh_ ? from_ <= last_ && oldest <= from_ + 1 : lacks_nothing(from_, last_);
    if (!same_epoch || !whole) lose(reason_of(same_epoch, from_, oldest), oldest);
}

void SecondJoining::lose(std::string_view reason, std::uint64_t first) {
    lost_ = reason;
    from_ = first - 1;
}

void SecondJoining::acknowledge() {
    // A name that the server does not know may be new, or one that it has forgotten: only the reader can
    // tell. It is told until it has acknowledged something, since an answer can get lost.
    v2::JoinAck ack{.channel = channel(), .cursor = {}, .asked = resuming_ || !lost_.empty()};
    if (located_) ack.cursor = v2::position_text(session_.epoch(), from_);
    ack.resumed = own_ && lost_.empty();
    ack.reason = lost_;
    if (located_ && !lost_.empty()) ack.first = v2::position_text(session_.epoch(), from_ + 1);
    ByteBuffer& text = session_.bridge().scratch();
    v2::append_join(text, ack);
    session_.send(text.view());
}

/// From its first join on nothing passes by a reader that has said who it is.
void SecondJoining::keep_cursor() {
    if (!fresh_ || request_.second->client_id.empty()) return;
    using How = Bridge::CursorMove::How;
    session_.bridge().move_cursor({.channel = channel(),
                                   .reader = session_.reader(channel(), request_.second->client_id),
                                   .seq = from_,
                                   .how = own_ && lost_.empty() ? How::acknowledge : How::begin});
}

void SecondJoining::show_others() {
    if (!enter_roster()) return converse();
    step_ = Step::presence;
}

void SecondJoining::on_presence_full(const SharedFrame& frame) {
    if (step_ != Step::presence) return;
    take_roster(frame);
    converse();
}

void SecondJoining::converse() {
    step_ = Step::catch_up;
    if (conversation_) session_.send_conversation(channel(), *conversation_);
    conversation_.reset();
    if (fresh_ && located_ && from_ < last_) return catch_up_.resume(from_, true);
    catch_up_.join(last_);
}

void SecondJoining::send(const MessagePtr& message) {
    if (!access::may_receive(session_.principal(), message->audience())) return;
    const bool missed = message->seq() != 0 && message->seq() <= last_;
    session_.send_message(*message, missed ? v2::Flow::replay : v2::Flow::live);
}

/// Retention was faster than this reader: it is told once more where it is.
void SecondJoining::position_lost(std::uint64_t first) {
    lose("not_retained", first);
    acknowledge();
}

void SecondJoining::failed(error_code error) {
    session_.send_error(channel(), "The history of this channel cannot be read now.", code_of(error));
    const bool follows = step_ == Step::newest && !asked_ && request_.second->client_id.empty();
    if (!follows || catch_up_.has_gap()) return refuse();
    acknowledge();
    show_others();
}

void SecondJoining::caught_up() {
    go_live(located_ ? from_ : Session::kNotKnown);
    session_.finish_joining();
}

}  // namespace millrace::bridge
