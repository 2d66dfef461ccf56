#include "core/net/tls_stream.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "core/utf8.h"

namespace millrace::tls {
namespace {

/// Encrypted but not yet taken by the socket: enough to keep it busy. What is beyond stays in the outbox,
/// where limits look at it.
constexpr std::size_t kSealAhead = 64 * 1024;
/// Answers to a peer that does not read (handshake messages, key updates, alerts).
constexpr std::size_t kSealedBytesMax = 4 * kSealAhead;

struct Reason {
    int openssl;
    Failure failure;
};

constexpr std::array kReasons{
    Reason{SSL_R_HTTP_REQUEST, Failure::not_tls},
    Reason{SSL_R_HTTPS_PROXY_REQUEST, Failure::not_tls},
    Reason{SSL_R_WRONG_VERSION_NUMBER, Failure::not_tls},
    Reason{SSL_R_UNSUPPORTED_PROTOCOL, Failure::version},
    Reason{SSL_R_VERSION_TOO_LOW, Failure::version},
    Reason{SSL_R_NO_SHARED_CIPHER, Failure::cipher},
    Reason{SSL_R_NO_SUITABLE_GROUPS, Failure::cipher},
    Reason{SSL_R_NO_SUITABLE_KEY_SHARE, Failure::cipher},
    Reason{SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, Failure::cipher},
    Reason{SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, Failure::cipher},
    Reason{SSL_R_NO_APPLICATION_PROTOCOL, Failure::application},
    Reason{SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, Failure::no_certificate},
    Reason{SSL_R_CERTIFICATE_VERIFY_FAILED, Failure::certificate},
};

Failure failure_of(unsigned long code) {
    const int reason = ERR_GET_REASON(code);
    if (ERR_GET_LIB(code) != ERR_LIB_SSL) return Failure::protocol;
    if (reason >= SSL_AD_REASON_OFFSET) return Failure::alert;
    const auto* const found = std::ranges::find(kReasons, reason, &Reason::openssl);
    return found == kReasons.end() ? Failure::protocol : found->failure;
}

}  // namespace

/// What OpenSSL calls.
struct Callbacks {
    static int read(BIO* bio, char* to, int size) {
        Stream& stream = *static_cast<Stream*>(BIO_get_data(bio));
        BIO_clear_retry_flags(bio);
        if (stream.input_.empty()) {
            BIO_set_retry_read(bio);
            return -1;
        }
        const std::size_t taken = std::min(stream.input_.size(), static_cast<std::size_t>(size));
        std::memcpy(to, stream.input_.data(), taken);
        stream.input_ = stream.input_.subspan(taken);
        return static_cast<int>(taken);
    }

    static int write(BIO* bio, const char* from, int size) {
        Stream& stream = *static_cast<Stream*>(BIO_get_data(bio));
        stream.sealed_.tail().append(from, static_cast<std::size_t>(size));
        return size;
    }

    static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

    static BIO_METHOD* make_method() {
        BIO_METHOD* const method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");
        if (method == nullptr) throw std::bad_alloc();
        BIO_meth_set_read(method, read);
        BIO_meth_set_write(method, write);
        BIO_meth_set_ctrl(method, control);
        return method;
    }

    /// Lives as long as the process.
    static BIO_METHOD* method() {
        static BIO_METHOD* const made = make_method();
        return made;
    }
};

Stream::Stream(const Context& context, BufferPool& buffers, std::string_view application,
               ClientCertificate wanted)
    : sealed_(buffers), ssl_(SSL_new(context.native())), application_(application) {
    BIO* const bio = BIO_new(Callbacks::method());
    if (ssl_ == nullptr || bio == nullptr) throw std::bad_alloc();
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_, bio, bio);
    SSL_set_app_data(ssl_, &application_);  // see Context
    const int required = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    const int mode = wanted == ClientCertificate::required   ? required
                     : wanted == ClientCertificate::optional ? SSL_VERIFY_PEER
                                                             : SSL_VERIFY_NONE;
    SSL_set_verify(ssl_, mode, nullptr);
    // A resumed session is not asked for a certificate again: what began under one rule must not go on under
    // another, nor what was meant for one protocol with another (RFC 8446 4.6.1, ALPACA).
    const std::string rule = std::string(application) + static_cast<char>('0' + static_cast<int>(wanted));
    SSL_set_session_id_context(ssl_, reinterpret_cast<const unsigned char*>(rule.data()),
                               static_cast<unsigned>(rule.size()));
    SSL_set_accept_state(ssl_);
}

Stream::~Stream() {
    SSL_free(ssl_);
}

Stream::Opened Stream::open(ByteView sealed, std::span<std::byte> plain) {
    input_ = sealed;
    heard_ = heard_ || !sealed.empty();
    Opened opened;
    while (failure_ == Failure::none && opened.size < plain.size()) {
        ERR_clear_error();
        std::size_t size = 0;
        if (SSL_read_ex(ssl_, plain.data() + opened.size, plain.size() - opened.size, &size) == 1) {
            opened.size += size;
            continue;
        }
        const int why = SSL_get_error(ssl_, 0);
        if (why == SSL_ERROR_WANT_READ) break;
        if (why == SSL_ERROR_ZERO_RETURN) {
            opened.state = State::ended;
            break;
        }
        fail_from_openssl();
    }
    input_ = {};
    established_ = established_ || SSL_is_init_finished(ssl_) == 1;
    if (sealed_.bytes() > kSealedBytesMax) fail(Failure::flood, "the peer does not read what it asked for");
    if (failure_ != Failure::none) opened.state = State::failed;
    return opened;
}

void Stream::seal(Outbox& plain, std::span<std::byte> scratch) {
    while (can_seal() && !plain.empty() && sealed_.bytes() < kSealAhead) {
        const std::size_t size = plain.take(scratch.first(kRecordBytes));
        ERR_clear_error();
        std::size_t written = 0;
        if (SSL_write_ex(ssl_, scratch.data(), size, &written) != 1) fail_from_openssl();
    }
}

void Stream::say_goodbye() {
    if (!can_seal()) return;
    ERR_clear_error();
    SSL_shutdown(ssl_);  // a second time it says nothing
}

bool Stream::cut_off() {
    if (!heard_ || established_ || failure_ != Failure::none) return false;
    fail(Failure::cut_off, "the peer went away during the handshake");
    return true;
}

void Stream::fail(Failure failure, const char* text) {
    if (failure_ != Failure::none) return;
    failure_ = failure;
    failure_text_ = text;
}

void Stream::fail_from_openssl() {
    const unsigned long code = ERR_peek_error();
    const char* text = ERR_reason_error_string(code);
    const Failure failure = failure_of(code);
    if (failure == Failure::certificate) text = X509_verify_cert_error_string(SSL_get_verify_result(ssl_));
    ERR_clear_error();
    fail(failure, text == nullptr ? "unknown error" : text);
}

std::string Stream::peer_name() const {
    X509* const certificate = SSL_get0_peer_certificate(ssl_);
    if (certificate == nullptr) return {};
    X509_NAME* const subject = X509_get_subject_name(certificate);
    // The last is the most specific one.
    int last = -1;
    for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) last = at;
    if (last < 0) return {};
    unsigned char* bytes = nullptr;
    const int size =
        ASN1_STRING_to_UTF8(&bytes, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)));
    if (size < 0) return {};
    std::string name(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
    // A NUL could make two different names look the same to whatever reads them as C strings.
    if (name.find('\0') != std::string::npos || !is_utf8(name)) return {};
    return name;
}

}  // namespace millrace::tls
