#include "core/bytes.h"

#include <algorithm>

namespace millrace {

void ByteBuffer::grow(std::size_t bytes) {
    constexpr std::size_t kSmallest = 64;
    const std::size_t wanted = std::max({kSmallest, capacity_ * 2, size_ + bytes});
    auto* larger = new std::byte[wanted];
    if (size_ != 0) std::memcpy(larger, data_, size_);
    delete[] data_;
    data_ = larger;
    capacity_ = wanted;
}

}  // namespace millrace
