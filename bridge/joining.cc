#include "bridge/joining.h"

#include <algorithm>
#include <utility>

#include "bridge/bridge.h"
#include "bridge/session.h"

namespace millrace::bridge {
namespace {

constexpr std::uint32_t kPageMessages = 256;
/// What is sent ahead of a reader that catches up, and what is held back for it, at most.
constexpr std::size_t kAheadBytes = 256 * 1024;

}  // namespace

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
      ahead_bytes_(std::min(kAheadBytes, session.bridge().limits().outbox_bytes / 4)) {}

void Joining::start() {
    const config::ChannelRule& rule = session_.authoriser().rule_for(request_.channel);
    stored_ = !wildcard_ && rule.store;
    if (fresh_ && stored_ && request_.after) {
        session_.member(channel()).catching_up = true;
        return read_after(Step::position, *request_.after);
    }
    acknowledge(nullptr);
    if (!stored_ || !request_.history || rule.history == 0) return go_live();
    if (fresh_) session_.member(channel()).catching_up = true;
    step_ = Step::history;
    session_.read(
        {.channel = channel(), .after = {}, .before = {}, .limit = static_cast<std::uint32_t>(rule.history)});
}

/// `behind`: the position asked for is not in this page's store.
void Joining::acknowledge(const store::Page* behind) {
    JoinAck ack{.channel = request_.channel, .socket = session_.id()};
    if (behind != nullptr) {
        ack.reset = true;
        ack.first = behind->first != 0 ? behind->first : behind->last + 1;
    }
    ByteBuffer& text = session_.bridge().scratch();
    append_join(text, ack);
    session_.send(text.view());
}

void Joining::on_page(Result<store::Page> page) {
    if (!page) return fail(page.error());
    switch (step_) {
        case Step::position:
            return judge_position(*page);
        case Step::history:
            return send_history(std::move(page->messages));
        case Step::catch_up:
            page_ = std::move(*page);
            next_ = 0;
            step_ = Step::sending;
            return send_page();
        case Step::sending:
        case Step::presence:
            return;
    }
}

void Joining::judge_position(const store::Page& page) {
    const std::uint64_t after = *request_.after;
    const std::uint64_t first = page.first != 0 ? page.first : page.last + 1;
    const bool other_epoch = !request_.epoch.empty() && request_.epoch != session_.epoch();
    const bool lost = other_epoch || after > page.last || after + 1 < first;
    acknowledge(lost ? &page : nullptr);
    if (lost) return read_after(Step::catch_up, first - 1);
    step_ = Step::catch_up;
    cursor_ = after;
    on_page(page);
}

void Joining::send_history(std::vector<MessagePtr> messages) {
    if (!messages.empty()) cursor_ = messages.back()->seq();
    const auto chosen = newest_for(session_.principal(), std::move(messages), session_.history_bytes());
    session_.send_history(channel(), chosen);
    read_on();
}

void Joining::read_after(Step step, std::uint64_t after) {
    step_ = step;
    cursor_ = after;
    session_.read({.channel = channel(), .after = after, .before = {}, .limit = kPageMessages});
}

void Joining::send_page() {
    while (next_ < page_.messages.size()) {
        if (session_.outbox_bytes() > ahead_bytes_) return;  // on_drained() goes on
        const MessagePtr& message = page_.messages[next_++];
        cursor_ = message->seq();
        if (access::may_receive(session_.principal(), message->audience())) session_.send_message(*message);
    }
    if (page_.more && !page_.messages.empty()) return read_after(Step::catch_up, cursor_);
    read_on();
}

/// Either the held messages join on to what was read, or the store has what lies between.
void Joining::read_on() {
    if (!std::exchange(gap_, false)) return go_live();
    read_after(Step::catch_up, cursor_);
}

void Joining::on_drained() {
    if (step_ == Step::sending) send_page();
}

void Joining::hold(const MessagePtr& message) {
    held_bytes_ += message->footprint();
    held_.push_back(message);
    if (held_bytes_ <= ahead_bytes_) return;
    held_.clear();
    held_bytes_ = 0;
    gap_ = true;
}

/// Without history a reader can still follow what comes; without its position it would have a hole.
void Joining::fail(error_code error) {
    session_.send_error(channel(), "The history of this channel cannot be read now.", code_of(error));
    if (step_ == Step::history && !gap_) return go_live();
    if (fresh_) session_.leave(channel());
    session_.finish_joining();
}

void Joining::go_live() {
    if (fresh_) {
        Room::Member& member = session_.member(channel());
        member.catching_up = false;
        member.through = cursor_;
        for (const MessagePtr& message : held_) {
            if (message->seq() == 0 || message->seq() > cursor_) session_.send_message(*message);
        }
    }
    enter_roster();
}

void Joining::enter_roster() {
    const access::Authoriser& authoriser = session_.authoriser();
    if (wildcard_ || !authoriser.rule_for(channel()).presence) return session_.finish_joining();
    const bool watch = request_.presence &&
                       authoriser.may(session_.principal(), access::Action::see_presence, channel()).allowed;
    session_.enter_roster(channel(), watch);
    if (!watch) return session_.finish_joining();
    step_ = Step::presence;
}

void Joining::on_presence_full(const SharedFrame& frame) {
    if (step_ != Step::presence) return;
    session_.member(channel()).watch = Watch::changes;
    session_.send(frame);
    session_.finish_joining();
}

}  // namespace millrace::bridge
