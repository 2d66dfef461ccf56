// A TLS client without a socket: OpenSSL between two strings.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

struct ssl_st;
struct ssl_ctx_st;

namespace millrace::testing {

struct TlsClientOptions {
    std::string authority;    ///< PEM file; empty: trusts nobody
    std::string certificate;  ///< PEM file; empty: has none
    std::string key;
    int version = 0;                           ///< TLS1_2_VERSION or such; 0: any
    std::string application;                   ///< ALPN; empty: says nothing
    const class TlsClient* resumes = nullptr;  ///< whose session it offers to go on with
};

/// Bytes from the server go in by receive(), bytes for it come out by take_sealed(). Belongs to one thread.
class TlsClient {
  public:
    explicit TlsClient(const TlsClientOptions& options);
    ~TlsClient();
    TlsClient(const TlsClient&) = delete;
    TlsClient& operator=(const TlsClient&) = delete;

    /// Goes on with the handshake, and reads what can be read.
    void receive(std::string_view sealed);
    void send(std::string_view plain);
    void say_goodbye();
    /// TLS 1.3: asks the server for new keys.
    void ask_for_key_update();
    /// TLS 1.2: asks for another handshake.
    void renegotiate();

    std::string take_sealed();
    const std::string& plain() const { return plain_; }
    bool established() const;
    bool resumed() const;
    /// The server has said that nothing follows.
    bool ended() const { return ended_; }
    bool failed() const { return failed_; }
    std::string application() const;
    std::string version() const;
    std::string server_name() const;

  private:
    void advance();

    ssl_ctx_st* context_;
    ssl_st* ssl_;
    std::string plain_;
    bool ended_ = false;
    bool failed_ = false;
};

}  // namespace millrace::testing
