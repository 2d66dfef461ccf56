#include "core/compact_json.h"

namespace millrace {

std::size_t json_string_size(std::string_view text) {
    std::size_t at = 1;
    while (text[at] != '"') at += text[at] == '\\' ? 2 : 1;
    return at + 1;
}

namespace {

template <class Text>
void append_without_space(Text& out, std::string_view json) {
    std::size_t copied = 0;
    std::size_t at = 0;
    while (at < json.size()) {
        if (json[at] == '"') {
            at += json_string_size(json.substr(at));
        } else if (is_json_space(json[at])) {
            out.append(json.substr(copied, at - copied));
            copied = ++at;
        } else {
            ++at;
        }
    }
    out.append(json.substr(copied));
}

}  // namespace

void append_compact(ByteBuffer& out, std::string_view json) {
    append_without_space(out, json);
}

void append_compact(std::string& out, std::string_view json) {
    append_without_space(out, json);
}

}  // namespace millrace
