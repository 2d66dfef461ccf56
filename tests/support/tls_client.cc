#include "tests/support/tls_client.h"

#include <array>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdexcept>

namespace millrace::testing {
namespace {

void check(bool fine, const char* what) {
    if (!fine) throw std::runtime_error(what);
}

void configure(SSL_CTX* context, const TlsClientOptions& options) {
    // So that old versions can be tried, too.
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, options.version == 0 ? TLS1_VERSION : options.version);
    SSL_CTX_set_max_proto_version(context, options.version);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    if (!options.authority.empty())
        check(SSL_CTX_load_verify_file(context, options.authority.c_str()) == 1, "authority");
    if (options.certificate.empty()) return;
    check(SSL_CTX_use_certificate_chain_file(context, options.certificate.c_str()) == 1, "certificate");
    check(SSL_CTX_use_PrivateKey_file(context, options.key.c_str(), SSL_FILETYPE_PEM) == 1, "key");
}

}  // namespace

TlsClient::TlsClient(const TlsClientOptions& options) : context_(SSL_CTX_new(TLS_client_method())) {
    configure(context_, options);
    ssl_ = SSL_new(context_);
    SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (!options.application.empty()) {
        const std::string offer = static_cast<char>(options.application.size()) + options.application;
        SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(offer.data()),
                            static_cast<unsigned>(offer.size()));
    }
    if (options.resumes != nullptr) SSL_set_session(ssl_, SSL_get0_session(options.resumes->ssl_));
    SSL_set_connect_state(ssl_);
    advance();
}

TlsClient::~TlsClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
}

void TlsClient::receive(std::string_view sealed) {
    if (!sealed.empty()) BIO_write(SSL_get_rbio(ssl_), sealed.data(), static_cast<int>(sealed.size()));
    advance();
}

void TlsClient::advance() {
    std::array<char, 16384> buffer;
    for (;;) {
        ERR_clear_error();
        const int size = SSL_read(ssl_, buffer.data(), static_cast<int>(buffer.size()));
        if (size > 0) {
            plain_.append(buffer.data(), static_cast<std::size_t>(size));
            continue;
        }
        const int why = SSL_get_error(ssl_, size);
        ended_ = ended_ || why == SSL_ERROR_ZERO_RETURN;
        failed_ = failed_ || why == SSL_ERROR_SSL;
        return;
    }
}

void TlsClient::send(std::string_view plain) {
    if (plain.empty()) return;
    ERR_clear_error();
    failed_ = SSL_write(ssl_, plain.data(), static_cast<int>(plain.size())) <= 0 || failed_;
}

void TlsClient::say_goodbye() {
    SSL_shutdown(ssl_);
}

void TlsClient::ask_for_key_update() {
    check(SSL_key_update(ssl_, SSL_KEY_UPDATE_REQUESTED) == 1, "key update");
    check(SSL_do_handshake(ssl_) == 1, "key update");
}

void TlsClient::renegotiate() {
    check(SSL_renegotiate(ssl_) == 1, "renegotiate");
    SSL_do_handshake(ssl_);
}

std::string TlsClient::take_sealed() {
    std::string sealed(BIO_ctrl_pending(SSL_get_wbio(ssl_)), '\0');
    if (!sealed.empty()) BIO_read(SSL_get_wbio(ssl_), sealed.data(), static_cast<int>(sealed.size()));
    return sealed;
}

bool TlsClient::established() const {
    return SSL_is_init_finished(ssl_) == 1;
}

bool TlsClient::resumed() const {
    return SSL_session_reused(ssl_) == 1;
}

std::string TlsClient::application() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_, &name, &size);
    return {reinterpret_cast<const char*>(name), size};
}

std::string TlsClient::version() const {
    return SSL_get_version(ssl_);
}

std::string TlsClient::server_name() const {
    X509* const certificate = SSL_get0_peer_certificate(ssl_);
    if (certificate == nullptr) return {};
    std::array<char, 256> name{};
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name.data(),
                              static_cast<int>(name.size()));
    return name.data();
}

}  // namespace millrace::testing
