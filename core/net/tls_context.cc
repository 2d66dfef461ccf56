#include "core/net/tls_context.h"

#include <memory>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdexcept>
#include <string_view>

namespace millrace::tls {
namespace {

[[noreturn]] void refuse(const std::string& what) {
    const unsigned long code = ERR_get_error();
    const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
    ERR_clear_error();
    throw std::runtime_error(what + ": " + (reason == nullptr ? "not readable" : reason));
}

/// A key with a passphrase is an error: a server has nobody to ask.
int no_passphrase(char*, int, int, void*) {
    return 0;
}

/// RFC 7301 3.2: none in common is fatal. It also keeps a request meant for one protocol from another. Each
/// stream puts the name it agrees to into its application data.
int choose_application(SSL* ssl, const unsigned char** chosen, unsigned char* chosen_size,
                       const unsigned char* offered, unsigned offered_size, void*) {
    const std::string_view ours = *static_cast<const std::string_view*>(SSL_get_app_data(ssl));
    for (unsigned at = 0; at < offered_size; at += 1U + offered[at]) {
        const std::string_view name(reinterpret_cast<const char*>(offered + at + 1), offered[at]);
        if (name != ours) continue;
        *chosen = offered + at + 1;
        *chosen_size = offered[at];
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

void load_certificate(SSL_CTX* context, const Files& files) {
    if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1)
        refuse("tls.certificate " + files.certificate);
    if (SSL_CTX_use_PrivateKey_file(context, files.private_key.c_str(), SSL_FILETYPE_PEM) != 1)
        refuse("tls.private_key " + files.private_key);
    if (SSL_CTX_check_private_key(context) != 1)
        refuse("tls.private_key " + files.private_key + " is not the key of " + files.certificate);
}

void load_client_ca(SSL_CTX* context, const std::string& file) {
    if (file.empty()) return;
    if (SSL_CTX_load_verify_file(context, file.c_str()) != 1) refuse("tls.client_ca " + file);
    // What the client is told of the authorities, so that it can choose among its certificates.
    STACK_OF(X509_NAME)* const names = SSL_load_client_CA_file(file.c_str());
    if (names == nullptr) refuse("tls.client_ca " + file);
    SSL_CTX_set_client_CA_list(context, names);
}

void set_rules(SSL_CTX* context) {
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    // RFC 9325 4.1: forward secrecy and authenticated encryption. This is for 1.2; every suite of 1.3 has
    // both.
    SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    // Resumption by tickets, which need no memory and no lock here.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

}  // namespace

Context::Context(const Files& files) : native_(nullptr) {
    struct Free {
        void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    };
    ERR_clear_error();
    std::unique_ptr<SSL_CTX, Free> context(SSL_CTX_new(TLS_server_method()));
    if (!context) refuse("OpenSSL");
    set_rules(context.get());
    SSL_CTX_set_alpn_select_cb(context.get(), choose_application, nullptr);
    SSL_CTX_set_default_passwd_cb(context.get(), no_passphrase);
    load_certificate(context.get(), files);
    load_client_ca(context.get(), files.client_ca);
    native_ = context.release();
}

Context::~Context() {
    SSL_CTX_free(native_);
}

}  // namespace millrace::tls
