#include "store/catch_up.h"

#include <utility>

namespace millrace::store {
namespace {

constexpr std::uint32_t kPageMessages = 256;

/// The seq that follows a position, as the page read behind it says.
std::uint64_t next_in(const Page& page) {
    return page.messages.empty() ? page.last + 1 : page.messages.front()->seq();
}

}  // namespace

CatchUp::CatchUp(Follower& follower, std::string channel, std::size_t hold_bytes)
    : follower_(follower), channel_(std::move(channel)), hold_bytes_(hold_bytes) {}

void CatchUp::resume(std::uint64_t after, bool same_epoch) {
    same_epoch_ = same_epoch;
    judged_ = false;
    read_after(after);
}

/// Either the held messages join on to what is there, or the store has what lies between.
void CatchUp::join(std::uint64_t through) {
    cursor_ = through;
    if (std::exchange(gap_, false)) return read_after(cursor_);
    finish();
}

void CatchUp::read_after(std::uint64_t after) {
    cursor_ = after;
    sending_ = false;
    follower_.read({.channel = channel_, .after = after, .before = {}, .limit = kPageMessages});
}

void CatchUp::on_page(Result<Page> page) {
    if (!page) return follower_.failed(page.error());
    const bool unknown = !std::exchange(same_epoch_, true) || cursor_ > page->last;
    const bool judged = std::exchange(judged_, true);
    if (unknown || next_in(*page) > cursor_ + 1) {
        const std::uint64_t oldest = page->first != 0 ? page->first : page->last + 1;
        const std::uint64_t first = unknown ? oldest : next_in(*page);
        follower_.position_lost(first);
        return read_after(first - 1);
    }
    if (!judged) follower_.position_found();
    page_ = std::move(*page);
    next_ = 0;
    sending_ = true;
    send_page();
}

void CatchUp::send_page() {
    while (next_ < page_.messages.size()) {
        if (!follower_.has_room()) return;
        const MessagePtr& message = page_.messages[next_++];
        cursor_ = message->seq();
        follower_.send(message);
    }
    sending_ = false;
    if (page_.more && !page_.messages.empty()) return read_after(cursor_);
    join(cursor_);
}

void CatchUp::on_drained() {
    if (sending_) send_page();
}

void CatchUp::hold(const MessagePtr& message) {
    held_bytes_ += message->footprint();
    held_.push_back(message);
    if (held_bytes_ <= hold_bytes_) return;
    held_.clear();
    held_bytes_ = 0;
    gap_ = true;
}

void CatchUp::finish() {
    for (const MessagePtr& message : held_) {
        if (message->seq() == 0 || message->seq() > cursor_) follower_.send(message);
    }
    held_.clear();
    follower_.caught_up();
}

}  // namespace millrace::store
