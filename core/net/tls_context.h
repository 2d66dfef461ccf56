// What TLS listeners present and ask for, read from files.
#pragma once

#include <cstdint>
#include <string>

struct ssl_ctx_st;

namespace millrace::tls {

/// File names, PEM.
struct Files {
    std::string certificate;  ///< the chain, the server's own first
    std::string private_key;
    std::string client_ca;  ///< empty: no client certificate is asked for
};

/// What a listener wants of a client's certificate. One that is presented must be valid.
enum class ClientCertificate : std::uint8_t { none, optional, required };

/// Certificate, key and rules: an SSL_CTX. Immutable, any thread. A reload makes a new one; connections of
/// the old one keep what they need of it (OpenSSL counts).
class Context {
  public:
    /// Throws std::runtime_error saying which file and why.
    explicit Context(const Files& files);
    ~Context();
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    ssl_ctx_st* native() const { return native_; }

  private:
    ssl_ctx_st* native_;
};

}  // namespace millrace::tls
