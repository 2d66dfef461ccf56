#include "store/postgres/parameters.h"

#include <cassert>

namespace millrace::store::postgres {

Column::Column(Type type, std::size_t count) : type_(type) {
    // array_recv: dimensions, "has nulls", element type, then length and lower bound of the dimension.
    bytes_.u32(1);
    bytes_.u32(1);
    bytes_.u32(static_cast<std::uint32_t>(type));
    bytes_.u32(static_cast<std::uint32_t>(count));
    bytes_.u32(1);
}

Column Column::of(std::span<const std::int64_t> values) {
    Column column(Type::int8, values.size());
    for (const std::int64_t value : values) column.add(value);
    return column;
}

void Column::add(std::int64_t value) {
    all_null_ = false;
    if (type_ == Type::int2) {
        bytes_.u32(2);
        bytes_.u16(static_cast<std::uint16_t>(value));
    } else {
        bytes_.u32(8);
        bytes_.u64(static_cast<std::uint64_t>(value));
    }
}

void Column::add(ByteView bytes) {
    all_null_ = false;
    bytes_.u32(static_cast<std::uint32_t>(bytes.size()));
    bytes_.append(bytes);
}

void Column::add_unless_zero(std::int64_t value) {
    if (value == 0) {
        add_null();
    } else {
        add(value);
    }
}

void Column::add_if(std::optional<std::uint32_t> value) {
    if (value) {
        add(std::int64_t{*value});
    } else {
        add_null();
    }
}

void Column::add_unless_empty(ByteView bytes) {
    if (bytes.empty()) {
        add_null();
    } else {
        add(bytes);
    }
}

void Parameters::add_bytes(const void* data, std::size_t size) {
    values_.push_back(static_cast<const char*>(data));
    lengths_.push_back(static_cast<int>(size));
    formats_.push_back(1);
}

void Parameters::add(const Column& column) {
    if (column.all_null()) {
        add_bytes(nullptr, 0);
    } else {
        add_bytes(column.view().data(), column.view().size());
    }
}

void Parameters::add(std::string_view text) {
    add_bytes(text.data() == nullptr ? "" : text.data(), text.size());
}

void Parameters::add(std::int64_t value) {
    assert(integers_used_ < kIntegers);
    unsigned char* at = integers_[integers_used_++];
    for (int i = 0; i < 8; ++i)
        at[i] = static_cast<unsigned char>(static_cast<std::uint64_t>(value) >> (56 - 8 * i));
    add_bytes(at, 8);
}

}  // namespace millrace::store::postgres
