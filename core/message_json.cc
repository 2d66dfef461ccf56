#include "core/message_json.h"

#include <algorithm>
#include <charconv>
#include <openssl/evp.h>

namespace millrace {
namespace {

void append_escape(ByteBuffer& out, char c) {
    constexpr std::string_view kHex = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
        case '"':
            out.append("\\\"");
            return;
        case '\\':
            out.append("\\\\");
            return;
        case '\n':
            out.append("\\n");
            return;
        case '\r':
            out.append("\\r");
            return;
        case '\t':
            out.append("\\t");
            return;
        default:
            break;
    }
    const char escape[] = {'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]};
    out.append(std::string_view(escape, sizeof escape));
}

bool needs_escape(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

void append_base64(ByteBuffer& out, ByteView bytes) {
    out.append("\"");
    const std::size_t size = (bytes.size() + 2) / 3 * 4;
    const std::size_t end = out.size() + size;
    // EVP_EncodeBlock adds a NUL, and counts in int: long payloads go in pieces of whole triples.
    constexpr std::size_t kPiece = std::size_t{3} << 20;
    auto* at = reinterpret_cast<unsigned char*>(out.extend(size + 1));
    for (std::size_t done = 0; done < bytes.size(); done += kPiece) {
        const std::size_t piece = std::min(kPiece, bytes.size() - done);
        const auto* from = reinterpret_cast<const unsigned char*>(bytes.data() + done);
        at += EVP_EncodeBlock(at, from, static_cast<int>(piece));
    }
    out.truncate(end);
    out.append("\"");
}

}  // namespace

void append_json_string(ByteBuffer& out, std::string_view text) {
    out.append("\"");
    std::size_t plain = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (!needs_escape(text[at])) continue;
        out.append(text.substr(plain, at - plain));
        append_escape(out, text[at]);
        plain = at + 1;
    }
    out.append(text.substr(plain));
    out.append("\"");
}

void append_json_data(ByteBuffer& out, const Message& message) {
    switch (message.encoding()) {
        case Encoding::json:
            out.append(message.payload());
            return;
        case Encoding::text:
            append_json_string(out, as_text(message.payload()));
            return;
        default:
            append_base64(out, message.payload());
            return;
    }
}

void append_decimal(ByteBuffer& out, std::uint64_t value) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, value);
    out.append(std::string_view(digits, static_cast<std::size_t>(end.ptr - digits)));
}

void append_json_time(ByteBuffer& out, std::int64_t at_us) {
    const std::array<char, 24> text = rfc3339(at_us);
    out.append("\"");
    out.append(std::string_view(text.data(), text.size()));
    out.append("\"");
}

void append_json_message(ByteBuffer& out, const Message& message, std::string_view id) {
    out.append("{\"seq\":");
    append_decimal(out, message.seq());
    out.append(",\"id\":");
    append_json_string(out, id);
    out.append(",\"type\":\"");
    out.append(kind_name(message.kind()));
    out.append("\",\"at\":");
    append_json_time(out, message.at_us());
    out.append(",\"data\":");
    append_json_data(out, message);
    if (message.encoding() == Encoding::binary) out.append(",\"encoding\":\"base64\"");
    if (!message.client().empty()) {
        out.append(",\"client\":");
        out.append(message.client());
    }
    out.append("}");
}

}  // namespace millrace
