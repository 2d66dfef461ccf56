#include "core/hooks/question.h"

#include <array>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/message_json.h"

namespace millrace::hooks {
namespace {

constexpr std::array<std::string_view, 4> kDoors{"mqtt", "websocket", "http", "sse"};

void append_id(ByteBuffer& out, std::string_view name, std::int64_t id) {
    out.append(name);
    out.append(std::to_string(id));
}

void append_options(ByteBuffer& out, const Question& question) {
    out.append(",\"options\":{\"channel\":");
    append_json_string(out, question.channel);
    if (!question.receiver.empty()) {
        out.append(",\"socketId\":");
        append_json_string(out, question.receiver);
    }
    if (question.message != nullptr) {
        const Audience& audience = question.message->audience();
        if (audience.authenticated_only) out.append(",\"authenticated\":true");
        if (audience.dbo_id != 0) {
            append_id(out, ",\"to\":{\"dbo_id\":", audience.dbo_id);
            append_id(out, ",\"row_id\":", audience.row_id);
            out.append("}");
        }
    }
    out.append("}");
}

void append_client(ByteBuffer& out, const Question& question) {
    const access::Principal& principal = question.principal;
    out.append(",\"client\":{");
    if (!principal.name.empty()) {
        out.append("\"user\":");
        append_json_string(out, principal.name);
        out.append(",");
    }
    if (!question.client.empty()) return out.append(question.client.substr(1));
    out.append("\"extras\":");
    out.append(principal.extras);
    append_id(out, ",\"permissions\":{\"dbo_id\":", principal.dbo_id);
    append_id(out, ",\"row_id\":", principal.row_id);
    out.append("}}");
}

}  // namespace

std::string write_question(const Question& question) {
    ByteBuffer out;
    out.append(question.message == nullptr ? R"({"action":"join","channel":)"
                                           : R"({"action":"message","channel":)");
    append_json_string(out, question.channel);
    append_options(out, question);
    if (question.message != nullptr) {
        out.append(",\"payload\":");
        append_json_data(out, *question.message);
        if (question.message->encoding() == Encoding::binary) out.append(",\"encoding\":\"base64\"");
    }
    append_client(out, question);
    out.append(",\"door\":\"");
    out.append(kDoors[static_cast<std::size_t>(question.door)]);
    out.append("\"}");
    return std::string(out.text());
}

std::string sign(std::string_view body, std::string_view secret) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest.data(), &size);
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string text = "sha256=";
    for (unsigned i = 0; i < size; ++i) {
        text += kHex[digest[i] >> 4];
        text += kHex[digest[i] & 15];
    }
    return text;
}

}  // namespace millrace::hooks
