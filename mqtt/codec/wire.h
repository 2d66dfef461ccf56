// The primitive types of the MQTT wire (1.5): a bounded reader and an unchecked writer.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/bytes.h"

namespace millrace::mqtt {

inline constexpr std::uint32_t kMaxVarint = 268'435'455;
inline constexpr std::size_t kMaxTextBytes = 65'535;

constexpr std::size_t varint_size(std::size_t value) {
    return value < 128 ? 1 : value < 16'384 ? 2 : value < 2'097'152 ? 3 : 4;
}

/// Walks over bytes. Reading past the end yields zeros and empty views and makes failed() true, so that a
/// decoder may read a run of fields and ask once. Lives on the stack of a decoder.
class Reader {
  public:
    explicit Reader(ByteView bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

    bool failed() const { return failed_; }
    bool at_end() const { return at_ == end_; }
    std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }
    ByteView rest() const { return {at_, remaining()}; }

    std::uint8_t u8() { return take(1) ? byte(-1) : std::uint8_t{0}; }
    std::uint16_t u16() {
        if (!take(2)) return 0;
        return static_cast<std::uint16_t>(byte(-2) << 8 | byte(-1));
    }
    std::uint32_t u32() {
        if (!take(4)) return 0;
        return std::uint32_t{byte(-4)} << 24 | std::uint32_t{byte(-3)} << 16 | std::uint32_t{byte(-2)} << 8 |
               byte(-1);
    }
    /// [MQTT-1.5.5-1]: at most four bytes, and no more than the value needs.
    std::uint32_t varint() {
        std::uint32_t value = 0;
        for (unsigned shift = 0; shift < 28; shift += 7) {
            const std::uint8_t next = u8();
            value |= std::uint32_t{next & 0x7FU} << shift;
            if ((next & 0x80U) == 0) {
                if (next == 0 && shift != 0) failed_ = true;
                return value;
            }
        }
        failed_ = true;
        return 0;
    }
    ByteView bytes(std::size_t size) {
        if (!take(size)) return {};
        return {at_ - size, size};
    }
    ByteView binary() { return bytes(u16()); }
    std::string_view text() { return as_text(binary()); }

  private:
    bool take(std::size_t size) {
        if (remaining() < size) {
            failed_ = true;
            at_ = end_;
            return false;
        }
        at_ += size;
        return true;
    }
    std::uint8_t byte(std::ptrdiff_t offset) const { return std::to_integer<std::uint8_t>(at_[offset]); }

    const std::byte* at_;
    const std::byte* end_;
    bool failed_ = false;
};

/// Writes into room that was measured before. Lives on the stack of an encoder.
class Writer {
  public:
    explicit Writer(std::byte* at) : at_(at) {}

    std::byte* position() const { return at_; }
    void u8(std::uint8_t value) { *at_++ = std::byte{value}; }
    void u16(std::uint16_t value) {
        u8(static_cast<std::uint8_t>(value >> 8));
        u8(static_cast<std::uint8_t>(value));
    }
    void u32(std::uint32_t value) {
        u16(static_cast<std::uint16_t>(value >> 16));
        u16(static_cast<std::uint16_t>(value));
    }
    void varint(std::size_t value) {
        for (; value > 127; value >>= 7) u8(static_cast<std::uint8_t>(value | 0x80U));
        u8(static_cast<std::uint8_t>(value));
    }
    void bytes(ByteView bytes) {
        if (!bytes.empty()) std::memcpy(at_, bytes.data(), bytes.size());
        at_ += bytes.size();
    }
    void binary(ByteView value) {
        u16(static_cast<std::uint16_t>(value.size()));
        bytes(value);
    }
    void text(std::string_view value) { binary(as_bytes(value)); }

  private:
    std::byte* at_;
};

}  // namespace millrace::mqtt
