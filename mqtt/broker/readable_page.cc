#include "mqtt/broker/readable_page.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "core/access/authoriser.h"
#include "mqtt/broker/broker.h"

namespace millrace::mqtt {
namespace {

/// Few messages are wanted, and those read so far were for others.
constexpr std::size_t kReadAtLeast = 256;
constexpr std::size_t kScanBytes = 4 * store::kPageBytes;

}  // namespace

ReadablePage::ReadablePage(store::Range range, access::PrincipalPtr principal, Limits limits)
    : range_(std::move(range)),
      principal_(std::move(principal)),
      limits_(limits),
      forward_(range_.after || range_.since_us),
      wanted_(range_.limit) {
    range_.limit = static_cast<std::uint32_t>(std::min<std::size_t>(range_.limit, limits_.scan_messages));
}

bool ReadablePage::add(store::Page page) {
    first_ = page.first;
    if (!std::exchange(begun_, true)) last_ = page.last;
    if (!forward_) std::ranges::reverse(page.messages);
    for (MessagePtr& message : page.messages) {
        if (messages_.size() == wanted_ || !take(std::move(message))) return finish(true);
    }
    const bool more = page.more && !page.messages.empty();
    const bool enough = messages_.size() == wanted_ || bytes_ >= limits_.bytes ||
                        scanned_ >= limits_.scan_messages || scanned_bytes_ >= kScanBytes;
    if (!more || enough) return finish(more);
    (forward_ ? range_.after : range_.before) = next_;
    const std::size_t count = std::max(kReadAtLeast, wanted_ - messages_.size());
    range_.limit = static_cast<std::uint32_t>(std::min(count, limits_.scan_messages - scanned_));
    return false;
}

/// False: it has no room.
bool ReadablePage::take(MessagePtr message) {
    const std::size_t size = message->footprint();
    const bool readable = access::may_receive(*principal_, message->audience());
    if (readable && !messages_.empty() && bytes_ + size > limits_.bytes) return false;
    next_ = message->seq();
    ++scanned_;
    scanned_bytes_ += size;
    if (!readable) return true;
    bytes_ += size;
    messages_.push_back(std::move(message));
    return true;
}

bool ReadablePage::finish(bool more) {
    more_ = more;
    if (!forward_) std::ranges::reverse(messages_);
    return true;
}

void read(Broker& broker, ReadablePage page, std::function<void(Result<ReadablePage>)> done) {
    store::Range range = page.range();
    auto go_on = [&broker, kept = std::make_shared<ReadablePage>(std::move(page)),
                  done = std::move(done)](Result<store::Page> read_page) {
        if (!read_page) return done(read_page.error());
        if (!kept->add(std::move(*read_page))) return read(broker, std::move(*kept), done);
        done(std::move(*kept));
    };
    broker.store().read(std::move(range), broker.shard(), std::move(go_on));
}

}  // namespace millrace::mqtt
