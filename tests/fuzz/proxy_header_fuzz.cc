// The PROXY header: what its parser says of a text, it says of the text's beginnings, too.
#include <vector>

#include "core/net/proxy_header.h"
#include "tests/fuzz/check.h"

using namespace millrace;
using State = proxy::Header::State;
using millrace::fuzz::check;

namespace {

/// A copy, so that reading behind its end is found.
proxy::Header parse_prefix(ByteView bytes, std::size_t size) {
    const std::vector<std::byte> copy(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    return proxy::parse(copy);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const ByteView bytes = std::as_bytes(std::span(data, size));
    const proxy::Header whole = proxy::parse(bytes);
    if (whole.state == State::incomplete) check(size < proxy::kHeaderBytesMax);
    if (whole.state != State::complete) return 0;
    check(whole.size > 0 && whole.size <= size && whole.size <= proxy::kHeaderBytesMax);
    check(whole.forwarded || whole.client.family == Address::Family::unknown);
    check(!whole.client.text().empty() && whole.client.family != Address::Family::local);
    for (std::size_t shorter = 0; shorter < whole.size; ++shorter)
        check(parse_prefix(bytes, shorter).state == State::incomplete);
    const proxy::Header exact = parse_prefix(bytes, whole.size);
    check(exact.state == State::complete && exact.size == whole.size && exact.client == whole.client);
    return 0;
}
