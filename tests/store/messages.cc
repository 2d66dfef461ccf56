#include "tests/store/messages.h"

namespace millrace::store::test {

MessagePtr text_message(std::string_view channel, std::string_view payload, std::string_view id) {
    return Message::create({.channel = channel, .payload = as_bytes(payload), .id = id});
}

std::vector<std::uint64_t> seqs(const std::vector<Receipt>& receipts) {
    std::vector<std::uint64_t> result;
    for (const Receipt& receipt : receipts) result.push_back(receipt.seq);
    return result;
}

std::vector<std::uint64_t> seqs(const Page& page) {
    std::vector<std::uint64_t> result;
    for (const MessagePtr& message : page.messages) result.push_back(message->seq());
    return result;
}

}  // namespace millrace::store::test
