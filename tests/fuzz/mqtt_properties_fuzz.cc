// Properties of every owner: what parses can be read, forwarded, and the forwarded part parses too.
#include <string>

#include "mqtt/codec/properties.h"
#include "tests/fuzz/check.h"

using namespace millrace;
using namespace millrace::mqtt;
using millrace::fuzz::check;

namespace {

void read_all(const Properties& properties) {
    for (unsigned number = 0; number < 43; ++number) {
        const auto id = static_cast<PropertyId>(number);
        bool found = false;
        switch (kind_of(id)) {
            case PropertyKind::none:
                break;
            case PropertyKind::text:
                found = properties.text(id).has_value();
                break;
            case PropertyKind::binary:
                found = properties.binary(id).has_value();
                break;
            case PropertyKind::text_pair:
                properties.for_each_user_property([&found](auto, auto) { found = true; });
                break;
            default:
                found = properties.integer(id).has_value();
        }
        check(found == properties.has(id));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    if (size < 1) return 0;
    const auto owner = static_cast<PropertyOwner>(data[0] & 15);
    const Sender sender = (data[0] & 0x80) != 0 ? Sender::server : Sender::client;
    const auto parsed = parse_properties(std::as_bytes(std::span(data + 1, size - 1)), owner, sender);
    if (!parsed) return 0;
    read_all(*parsed);
    std::string forwarded(parsed->forwardable_size(), '\0');
    auto* start = reinterpret_cast<std::byte*>(forwarded.data());
    check(parsed->write_forwardable(start) == start + forwarded.size());
    const auto again = parse_properties(as_bytes(forwarded), PropertyOwner::publish, Sender::client);
    check(again.has_value() && again->forwardable_size() == forwarded.size());
    return 0;
}
