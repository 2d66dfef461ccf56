// What Connection does when there is TLS between the socket and the protocol.
#include <array>
#include <spdlog/spdlog.h>
#include <utility>

#include "core/net/connection.h"
#include "core/net/tls_stream.h"
#include "core/shard.h"

namespace millrace {
namespace {

/// By tls::Failure.
constexpr std::array kFailureCounters{
    std::pair{"", &Counters::tls_failed_protocol},
    std::pair{"not_tls", &Counters::tls_failed_not_tls},
    std::pair{"version", &Counters::tls_failed_version},
    std::pair{"cipher", &Counters::tls_failed_cipher},
    std::pair{"application", &Counters::tls_failed_application},
    std::pair{"no_certificate", &Counters::tls_failed_no_certificate},
    std::pair{"certificate", &Counters::tls_failed_certificate},
    std::pair{"alert", &Counters::tls_failed_alert},
    std::pair{"cut_off", &Counters::tls_failed_cut_off},
    std::pair{"flood", &Counters::tls_failed_flood},
    std::pair{"protocol", &Counters::tls_failed_protocol},
};
static_assert(kFailureCounters.size() == static_cast<std::size_t>(tls::Failure::protocol) + 1);

/// The shard's scratch in two parts: sealed bytes as they come, and plain ones.
constexpr std::size_t kInputBytes = 96 * 1024;

}  // namespace

void Connection::secure(std::unique_ptr<tls::Stream> stream) {
    tls_ = std::move(stream);
}

std::span<std::byte> Connection::input_space() {
    return shard_.scratch().first(kInputBytes);
}

void Connection::feed_sealed(ByteView sealed) {
    const std::span<std::byte> space = shard_.scratch().subspan(kInputBytes);
    const bool was_established = tls_->established();
    const tls::Stream::Opened opened =
        tls_->open(sealed, space.first(sealed.size() + tls::Stream::kRoomBytes));
    if (!was_established && tls_->established()) shard_.counters().tls_handshakes.add();
    if (opened.size != 0) feed(space.first(opened.size));
    if (!tls_->sealed().empty()) wake();
    if (opened.state == tls::Stream::State::failed) {
        note_tls_failure();
        close_after_flush();  // the peer is told why
    } else if (opened.state == tls::Stream::State::ended) {
        end_of_input();
    }
}

Outbox::Flush Connection::send_sealed() {
    Outbox& sealed = tls_->sealed();
    for (;;) {
        tls_->seal(out_, shard_.scratch());
        if (tls_->failure() != tls::Failure::none && state_ == State::open) {
            note_tls_failure();
            close_after_flush();
        }
        if (state_ == State::draining && out_.empty()) tls_->say_goodbye();
        const std::size_t before = sealed.bytes();
        const Outbox::Flush result = sealed.flush(descriptor_);
        shard_.counters().bytes_out.add(before - sealed.bytes());
        if (result != Outbox::Flush::done || out_.empty() || !tls_->can_seal()) return result;
    }
}

std::size_t Connection::unsent() const {
    return out_.bytes() + (tls_ && tls_->established() ? tls_->sealed().bytes() : 0);
}

/// The last word of a connection that is closed without waiting: as far as the socket takes it.
void Connection::say_goodbye(bool cut_off) {
    if (cut_off && tls_->cut_off()) note_tls_failure();
    tls_->say_goodbye();
    tls_->sealed().flush(descriptor_);
}

void Connection::note_tls_failure() {
    const auto& [reason, counter] = kFailureCounters[static_cast<std::size_t>(tls_->failure())];
    (shard_.counters().*counter).add();
    spdlog::info("TLS with {} failed ({}): {}", peer(), reason, tls_->failure_text());
}

}  // namespace millrace
