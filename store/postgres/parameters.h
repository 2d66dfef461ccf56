// Parameters of a prepared statement, in PostgreSQL's binary format.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/bytes.h"

namespace millrace::store::postgres {

/// Types by their numbers in pg_type.
enum class Type : std::uint32_t { bytea = 17, int8 = 20, int2 = 21, text = 25 };

/// PostgreSQL counts microseconds from 2000-01-01.
constexpr std::int64_t kEpochOffset_us = 946'684'800'000'000;

/// One array parameter: a column of the rows that `unnest` makes of it. One that holds nothing but NULLs is
/// sent as NULL, and unnest fills the column up.
class Column {
  public:
    Column(Type type, std::size_t count);
    static Column of(std::span<const std::int64_t> values);
    void add(std::int64_t value);
    void add(ByteView bytes);
    void add(std::string_view text) { add(as_bytes(text)); }
    void add_null() { bytes_.u32(0xFFFF'FFFF); }
    /// The value, or NULL for zero.
    void add_unless_zero(std::int64_t value);
    /// The value, or NULL for none.
    void add_if(std::optional<std::uint32_t> value);
    /// The bytes, or NULL for none.
    void add_unless_empty(ByteView bytes);
    bool all_null() const { return all_null_; }
    ByteView view() const { return bytes_.view(); }

  private:
    const Type type_;
    bool all_null_ = true;
    ByteBuffer bytes_;
};

/// What a statement is given, in order. Views what is added: that must live until the statement is sent.
class Parameters {
  public:
    void add(const Column& column);
    void add(std::string_view text);
    void add(std::int64_t value);

    int count() const { return static_cast<int>(values_.size()); }
    const char* const* values() const { return values_.data(); }
    const int* lengths() const { return lengths_.data(); }
    const int* formats() const { return formats_.data(); }

  private:
    static constexpr std::size_t kIntegers = 8;
    void add_bytes(const void* data, std::size_t size);

    std::vector<const char*> values_;
    std::vector<int> lengths_;
    std::vector<int> formats_;
    std::size_t integers_used_ = 0;
    unsigned char integers_[kIntegers][8];
};

}  // namespace millrace::store::postgres
