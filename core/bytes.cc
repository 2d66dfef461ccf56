#include "core/bytes.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace millrace {

void ByteBuffer::grow(std::size_t bytes) {
    constexpr std::size_t kSmallest = 64;
    const std::size_t wanted = std::max({kSmallest, std::size_t{capacity_} * 2, size_ + bytes});
    if (wanted > std::numeric_limits<std::uint32_t>::max()) throw std::length_error("ByteBuffer over 4 GiB");
    auto* larger = new std::byte[wanted];
    if (size_ != 0) std::memcpy(larger, data_, size_);
    delete[] data_;
    data_ = larger;
    capacity_ = static_cast<std::uint32_t>(wanted);
}

}  // namespace millrace
