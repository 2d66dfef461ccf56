// Short ways to write and read messages in tests.
#pragma once

#include <string_view>
#include <vector>

#include "store/log.h"

namespace millrace::store::test {

MessagePtr text_message(std::string_view channel, std::string_view payload, std::string_view id = {});
std::vector<std::uint64_t> seqs(const std::vector<Receipt>& receipts);
std::vector<std::uint64_t> seqs(const Page& page);

}  // namespace millrace::store::test
