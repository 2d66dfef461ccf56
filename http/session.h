// HTTP/1.1 on one connection.
#pragma once

#include <cstdint>
#include <memory>

#include "core/net/connection.h"
#include "core/net/protocol.h"
#include "http/response.h"
#include "http/server.h"

namespace millrace::http {

struct ParseFault;
class RequestParser;

/// What a request waits for, after its handler has returned. Owned by the session until it has answered.
class Waiting {
  public:
    Waiting() = default;
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    virtual ~Waiting() = default;
    /// A publish of this request has ended; `index` counts the request's publishes from 0.
    virtual void on_published(Session&, std::size_t, const PublishResult&) {}
    /// A hook has refused one.
    virtual void on_denied(Session&, std::size_t, std::string_view) {}
};

/// Takes one request after the other: the next is not looked at before the last is answered, so answers leave
/// in the order of the requests. Owned by its connection; holds no buffer between requests.
class Session final : public Protocol {
  public:
    Session(Server& server, Connection& connection);
    ~Session() override;

    // For handlers: each request is ended by exactly one answer(), fail(), stream() or upgrade(), at
    // once or, after wait(), later.
    void answer(const Answer& answer);
    void fail(const Problem& problem);
    void wait(std::unique_ptr<Waiting> waiting);
    /// The `101` is written; `next` goes on.
    void upgrade(std::unique_ptr<Protocol> next);
    /// The head is written; `next` writes what follows until the connection ends. For HEAD, which nothing
    /// follows, it is dropped: false.
    bool stream(std::string_view content_type, std::unique_ptr<Protocol> next);
    /// Names this request in what it waits for: publish number `index` of it has token() + index.
    std::uint64_t token() const { return token_; }

    Server& server() { return server_; }
    Connection& connection() { return connection_; }
    /// Gives what the request waits for its answer, unless the request `token` has ended.
    template <class Use>
    void resume(std::uint64_t token, Use use) {
        if (!waiting_ || token != token_) return;
        use(*waiting_);
        finish_waiting();
    }

    std::size_t on_bytes(ByteView bytes) override;
    void on_closed(error_code reason) override;
    void on_deadline(TimePoint now) override;
    void on_drained() override;
    void on_published(std::uint64_t token, const PublishResult& result) override;
    void on_denied(std::uint64_t token, std::string_view reason) override;
    void on_shutdown() override;

  private:
    enum class Phase : std::uint8_t {
        idle,       ///< between requests
        receiving,  ///< a part of a request is there
        serving,    ///< a handler has it, or what it waits for
        answered,   ///< the answer is written, the request not yet let go
        ended,      ///< nothing more is read: closing, or another protocol's
    };
    struct Partial;

    std::size_t take_request(ByteView bytes);
    std::size_t take_body(ByteView bytes);
    void begin_partial(ByteView head, bool expects_continue);
    std::size_t reject(const ParseFault& fault, std::size_t consumed);
    void serve(const Request& request);
    void set_reply(const Request& request);
    void finish_request();
    bool waits_for(std::uint64_t token) const;
    void finish_waiting();
    void watch_time(bool partial_request);
    bool hold_back(std::size_t left);

    Server& server_;
    Connection& connection_;
    std::unique_ptr<Partial> partial_;
    std::unique_ptr<Waiting> waiting_;
    ReplyContext reply_;
    std::uint64_t token_ = 0;
    Phase phase_ = Phase::idle;
    bool full_ = false;  ///< too much is waiting to be sent to read on
    bool going_away_ = false;
};

}  // namespace millrace::http
