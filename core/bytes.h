// Bytes in and out: views, and the one growable buffer that encoders write to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

namespace millrace {

using ByteView = std::span<const std::byte>;

inline ByteView as_bytes(std::string_view text) {
    return std::as_bytes(std::span<const char>(text.data(), text.size()));
}
inline std::string_view as_text(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A contiguous, growable byte buffer that owns no memory while it is empty and never used.
/// Movable, not copyable. Belongs to whoever holds it; no thread safety. Holds less than 4 GiB. Integers are
/// big-endian, as MQTT and WebSocket want them.
class ByteBuffer {
  public:
    ByteBuffer() = default;
    ByteBuffer(ByteBuffer&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)),
          size_(std::exchange(other.size_, 0)),
          capacity_(std::exchange(other.capacity_, 0)) {}
    ByteBuffer& operator=(ByteBuffer&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
        return *this;
    }
    ByteBuffer(const ByteBuffer&) = delete;
    ByteBuffer& operator=(const ByteBuffer&) = delete;
    ~ByteBuffer() { delete[] data_; }

    std::byte* data() { return data_; }
    const std::byte* data() const { return data_; }
    std::size_t size() const { return size_; }
    std::size_t capacity() const { return capacity_; }
    bool empty() const { return size_ == 0; }
    ByteView view() const { return {data_, size_}; }
    std::string_view text() const { return as_text(view()); }

    /// Room for `bytes` more, uninitialised, already counted in size(); valid until the next append.
    std::byte* extend(std::size_t bytes) {
        if (capacity_ - size_ < bytes) grow(bytes);
        std::byte* at = data_ + size_;
        size_ += static_cast<std::uint32_t>(bytes);
        return at;
    }
    void append(const void* bytes, std::size_t size) {
        if (size != 0) std::memcpy(extend(size), bytes, size);
    }
    void append(std::string_view text) { append(text.data(), text.size()); }
    void append(ByteView bytes) { append(bytes.data(), bytes.size()); }
    void u8(std::uint8_t value) { *extend(1) = std::byte{value}; }
    void u16(std::uint16_t value) {
        std::byte* at = extend(2);
        at[0] = static_cast<std::byte>(value >> 8);
        at[1] = static_cast<std::byte>(value);
    }
    void u32(std::uint32_t value) {
        u16(static_cast<std::uint16_t>(value >> 16));
        u16(static_cast<std::uint16_t>(value));
    }
    void u64(std::uint64_t value) {
        u32(static_cast<std::uint32_t>(value >> 32));
        u32(static_cast<std::uint32_t>(value));
    }

    /// Drops everything but keeps the memory.
    void clear() { size_ = 0; }
    /// Drops everything after the first `size` bytes.
    void truncate(std::size_t size) { size_ = static_cast<std::uint32_t>(size); }
    /// Drops the first `count` bytes; the rest moves to the front.
    void consume(std::size_t count) {
        size_ -= static_cast<std::uint32_t>(count);
        if (size_ != 0) std::memmove(data_, data_ + count, size_);
    }
    /// Drops everything and gives the memory back.
    void release() {
        delete[] data_;
        data_ = nullptr;
        size_ = capacity_ = 0;
    }

  private:
    void grow(std::size_t bytes);

    std::byte* data_ = nullptr;
    std::uint32_t size_ = 0;  // 32 bits: two of these stand in every idle connection
    std::uint32_t capacity_ = 0;
};

}  // namespace millrace
