// SCRAM: no message is taken for a proof of a password that was not known, and every verifier that is read is
// written the same.
#include <string>

#include "core/access/scram.h"
#include "tests/fuzz/check.h"

using namespace millrace;
using fuzz::check;

/// Up to the first NUL the client-first-message, then the client-final-message.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    static const access::ScramVerifier verifier{4096, "salt", std::string(32, 'a'), std::string(32, 'b')};
    const std::size_t end = text.find('\0');
    auto exchange = access::ScramExchange::start(text.substr(0, end));
    if (exchange) {
        check(access::is_prepared(exchange->user()));
        const std::string_view answer = end == std::string_view::npos ? text : text.substr(end + 1);
        check(!exchange->finish(answer));
        const std::string& challenge = exchange->challenge({verifier, true}, "nonce");
        check(challenge.starts_with("r=") && challenge.ends_with("nonce,s=c2FsdA==,i=4096"));
        check(!exchange->finish(answer));
    }
    const auto parsed = access::ScramVerifier::parse(text);
    if (parsed) {
        const auto again = access::ScramVerifier::parse(parsed->text());
        check(again && *again == *parsed);
    }
    return 0;
}
