#include "core/message.h"

#include <boost/json/basic_parser_impl.hpp>
#include <cassert>
#include <chrono>
#include <limits>
#include <new>

#include "core/utf8.h"

namespace millrace {
namespace {

using Failure = boost::system::error_code;
using Text = boost::json::string_view;

/// Accepts every JSON event: only the parser's verdict counts.
struct AnyJson {
    static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
    bool on_document_begin(Failure&) { return true; }
    bool on_document_end(Failure&) { return true; }
    bool on_object_begin(Failure&) { return true; }
    bool on_object_end(std::size_t, Failure&) { return true; }
    bool on_array_begin(Failure&) { return true; }
    bool on_array_end(std::size_t, Failure&) { return true; }
    bool on_key_part(Text, std::size_t, Failure&) { return true; }
    bool on_key(Text, std::size_t, Failure&) { return true; }
    bool on_string_part(Text, std::size_t, Failure&) { return true; }
    bool on_string(Text, std::size_t, Failure&) { return true; }
    bool on_number_part(Text, Failure&) { return true; }
    bool on_int64(std::int64_t, Text, Failure&) { return true; }
    bool on_uint64(std::uint64_t, Text, Failure&) { return true; }
    bool on_double(double, Text, Failure&) { return true; }
    bool on_bool(bool, Failure&) { return true; }
    bool on_null(Failure&) { return true; }
    bool on_comment_part(Text, Failure&) { return true; }
    bool on_comment(Text, Failure&) { return true; }
};

bool is_json(std::string_view text) {
    boost::json::basic_parser<AnyJson> parser{boost::json::parse_options{}};
    Failure failure;
    const std::size_t used = parser.write_some(false, text.data(), text.size(), failure);
    return !failure && used == text.size();
}

void write_digits(char* to, int count, unsigned value) {
    for (; count != 0; value /= 10) to[--count] = static_cast<char>('0' + value % 10);
}

char* append_bytes(char* at, const void* bytes, std::size_t size) {
    if (size != 0) std::memcpy(at, bytes, size);
    return at + size;
}

/// Every door's limits are far below.
template <class View>
std::uint32_t size_of(View field) {
    assert(field.size() <= std::numeric_limits<std::uint32_t>::max());
    return static_cast<std::uint32_t>(field.size());
}

}  // namespace

Message::Message(const MessageFields& fields)
    : payload_size_(size_of(fields.payload)),
      channel_size_(size_of(fields.channel)),
      id_size_(size_of(fields.id)),
      client_size_(size_of(fields.client)),
      properties_size_(size_of(fields.properties)),
      expiry_s_(fields.expiry_s.value_or(0)),
      kind_(fields.kind),
      qos_(fields.qos),
      retain_(fields.retain),
      expires_(fields.expiry_s.has_value()),
      encoding_(fields.encoding),
      at_us_(0),
      audience_(fields.audience),
      origin_(fields.origin) {
    char* at = reinterpret_cast<char*>(this + 1);
    at = append_bytes(at, fields.channel.data(), fields.channel.size());
    at = append_bytes(at, fields.id.data(), fields.id.size());
    at = append_bytes(at, fields.client.data(), fields.client.size());
    at = append_bytes(at, fields.properties.data(), fields.properties.size());
    append_bytes(at, fields.payload.data(), fields.payload.size());
}

MessagePtr Message::create(const MessageFields& fields) {
    const std::size_t size = sizeof(Message) + fields.channel.size() + fields.id.size() +
                             fields.client.size() + fields.properties.size() + fields.payload.size();
    return MessagePtr(new (::operator new(size)) Message(fields));
}

MessagePtr Message::with_payload(ByteView payload, Encoding encoding) const {
    return create({.channel = channel(),
                   .payload = payload,
                   .kind = kind_,
                   .encoding = encoding,
                   .qos = qos_,
                   .retain = retain_,
                   .id = id(),
                   .client = client(),
                   .properties = properties(),
                   .expiry_s = expiry_s(),
                   .audience = audience_,
                   .origin = origin_});
}

void Message::destroy(const Message* message) {
    message->~Message();
    ::operator delete(const_cast<Message*>(message));
}

Encoding Message::encoding() const {
    Encoding known = encoding_.load(std::memory_order_relaxed);
    if (known == Encoding::unknown) {
        known = classify(payload());
        encoding_.store(known, std::memory_order_relaxed);
    }
    return known;
}

std::int64_t wall_clock_us() {
    using namespace std::chrono;
    return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

std::array<char, 24> rfc3339(std::int64_t at_us) {
    using namespace std::chrono;
    const auto time = floor<milliseconds>(sys_time<microseconds>(microseconds(at_us)));
    const auto day = floor<days>(time);
    const year_month_day date(day);
    const hh_mm_ss clock(time - day);
    std::array<char, 24> text{"0000-00-00T00:00:00.000"};
    text.back() = 'Z';
    write_digits(&text[0], 4, static_cast<unsigned>(static_cast<int>(date.year())));
    write_digits(&text[5], 2, static_cast<unsigned>(date.month()));
    write_digits(&text[8], 2, static_cast<unsigned>(date.day()));
    write_digits(&text[11], 2, static_cast<unsigned>(clock.hours().count()));
    write_digits(&text[14], 2, static_cast<unsigned>(clock.minutes().count()));
    write_digits(&text[17], 2, static_cast<unsigned>(clock.seconds().count()));
    write_digits(&text[20], 3, static_cast<unsigned>(clock.subseconds().count()));
    return text;
}

Encoding classify(ByteView payload) {
    const std::string_view text = as_text(payload);
    if (is_json(text)) return Encoding::json;
    return is_utf8(text) ? Encoding::text : Encoding::binary;
}

}  // namespace millrace
