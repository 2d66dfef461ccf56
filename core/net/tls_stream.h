// TLS on one connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/net/outbox.h"
#include "core/net/tls_context.h"

struct ssl_st;

namespace millrace::tls {

/// Why a stream has failed: one counter each.
enum class Failure : std::uint8_t {
    none,
    not_tls,         ///< the peer speaks something else
    version,         ///< no common version
    cipher,          ///< no common cipher suite, group or signature
    application,     ///< the peer wants other protocols only (ALPN)
    no_certificate,  ///< the peer has none, and the listener requires one
    certificate,     ///< the peer's is not to be trusted
    alert,           ///< the peer has refused us
    cut_off,         ///< the peer went away in the middle of the handshake
    flood,           ///< the peer asks for answers and does not read them
    protocol,        ///< anything else
};

/// The server's side of TLS (RFC 8446, RFC 5246) between a socket and a connection's plain bytes; does no
/// I/O. Belongs to its connection, on its shard (docs/decisions/0011).
class Stream {
  public:
    /// `application`: the one ALPN name that is agreed to (RFC 7301), as long as the program.
    Stream(const Context& context, BufferPool& buffers, std::string_view application,
           ClientCertificate wanted);
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    enum class State : std::uint8_t { open, ended, failed };
    struct Opened {
        std::size_t size = 0;       ///< plain bytes, to be used whatever the state is
        State state = State::open;  ///< ended: the peer has said that nothing follows (close_notify)
    };
    /// `open` needs so much more room than it is given bytes: the record that was not whole before.
    static constexpr std::size_t kRoomBytes = 32 * 1024;
    /// Decrypts all of `sealed` to the beginning of `plain`. Answers of the handshake go to sealed().
    Opened open(ByteView sealed, std::span<std::byte> plain);
    bool can_seal() const { return established_ && failure_ == Failure::none; }
    /// Encrypts the beginning of `plain`, if it can and as far ahead of the socket as is useful. `scratch`
    /// holds one record.
    void seal(Outbox& plain, std::span<std::byte> scratch);
    static constexpr std::size_t kRecordBytes = 16 * 1024;
    /// Says, once, that nothing follows (close_notify).
    void say_goodbye();
    /// The socket has ended; true when that was in the middle of the handshake, which is a failure.
    bool cut_off();

    /// What is to be sent.
    Outbox& sealed() { return sealed_; }
    const Outbox& sealed() const { return sealed_; }
    bool established() const { return established_; }
    Failure failure() const { return failure_; }
    /// The failure in OpenSSL's words.
    const char* failure_text() const { return failure_text_; }
    /// The common name of the peer's certificate; empty without one, or when it is no UTF-8 text.
    std::string peer_name() const;

  private:
    friend struct Callbacks;
    void fail(Failure failure, const char* text);
    void fail_from_openssl();

    Outbox sealed_;
    ByteView input_;  ///< during open(): what OpenSSL has not read yet
    ssl_st* ssl_;
    std::string_view application_;
    const char* failure_text_ = "";
    Failure failure_ = Failure::none;
    bool established_ = false;
    bool heard_ = false;
};

}  // namespace millrace::tls
