// The frames of the browser protocol, second generation: text to values and values to text. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bridge/frames.h"
#include "core/access/principal.h"
#include "core/bytes.h"
#include "core/message.h"

namespace millrace::bridge::v2 {

/// As millrace::bridge::parse_client_frame. A broadcast is a `message`; ClientFrame::second is always there.
std::optional<ClientFrame> parse_client_frame(std::string_view text);

/// A place in a stored channel, of which every message has one, and which an acknowledgement names.
struct Position {
    std::string epoch;  ///< the life of the store
    std::uint64_t seq = 0;
};
/// `<epoch>-<seq>`
std::string position_text(std::string_view epoch, std::uint64_t seq);
std::optional<Position> parse_position(std::string_view text);

/// Why a message comes.
enum class Flow : std::uint8_t {
    live,
    conversation,  ///< the newest ones, given to everybody who joins
    replay,        ///< was missed
};
void append_message(ByteBuffer& out, const Message& message, std::string_view epoch, Flow flow = Flow::live);
void append_direct(ByteBuffer& out, const PrivateMessage& message);

struct JoinAck {
    std::string_view channel;
    std::string cursor;      ///< where what follows begins; empty: the channel has no positions
    bool asked = false;      ///< the reader wants to resume, or may want to: it is told whether it does
    bool resumed = false;    ///< everything behind its position follows
    std::string first = {};  ///< not resumed: the first position that follows; empty: the channel has none
    std::string_view reason = {};  ///< its position is lost: why, as a code word
};
void append_join(ByteBuffer& out, const JoinAck& ack);
void append_leave(ByteBuffer& out, std::string_view channel);
void append_pong(ByteBuffer& out);

/// What became of a broadcast.
struct Receipt {
    std::string_view channel;
    std::size_t reached = 0;
    std::string id;  ///< empty: it was not stored
    bool direct = false;
};
void append_receipt(ByteBuffer& out, const Receipt& receipt);
void append_ack(ByteBuffer& out, std::string_view channel, std::string_view cursor);

/// The frames around a conversation. `cut_before`: the position before which there was no room for older
/// messages; empty: nothing was left out.
void append_conversation_start(ByteBuffer& out, std::string_view channel, std::size_t count,
                               std::string_view cut_before = {});
void append_conversation_end(ByteBuffer& out, std::string_view channel, std::size_t count);

/// Who somebody is to others: one for all sockets of a user, one for all who are anonymous.
struct Identity {
    std::int64_t dbo_id = 0;
    std::string id;
    auto operator<=>(const Identity&) const = default;
};
Identity identity_of(const access::Principal& principal);

/// `{"id","dbo_id","authenticated","extras","joined_at"}`
void append_member(ByteBuffer& out, const access::Principal& principal, std::int64_t joined_at_us);
/// `members`: objects, separated by commas.
void append_presence_full(ByteBuffer& out, std::string_view channel, ByteView members);
void append_presence_change(ByteBuffer& out, std::string_view channel, bool joined, ByteView member);

/// Without a channel the frame is about the connection.
void append_error(ByteBuffer& out, std::string_view channel, std::string_view message, std::string_view code);

}  // namespace millrace::bridge::v2
