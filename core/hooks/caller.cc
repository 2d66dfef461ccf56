#include "core/hooks/caller.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <exception>
#include <spdlog/spdlog.h>
#include <stdexcept>
#include <thread>
#include <unordered_map>
#include <vector>

#include "core/hooks/answer.h"
#include "core/hooks/link.h"
#include "core/hooks/question.h"
#include "core/shard.h"

namespace millrace::hooks {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

/// Backends close connections that nobody uses; ours go first where that is slow.
constexpr std::chrono::seconds kIdleMax{30};
constexpr std::chrono::seconds kSweep{5};
constexpr std::chrono::seconds kBetweenWarnings{10};

/// The address without its query, which may hold a secret: for logs.
std::string without_query(const std::string& url) {
    return url.substr(0, url.find('?'));
}

std::string host_header(const config::HookUrl& url) {
    const bool bracketed = url.host.find(':') != std::string::npos;
    std::string text = bracketed ? "[" + url.host + "]" : url.host;
    if (url.port != (url.secure ? 443 : 80)) text += ":" + std::to_string(url.port);
    return text;
}

}  // namespace

SettingsPtr settings_of(const config::Config& config) {
    auto settings = std::make_shared<Settings>();
    settings->secret = config.hooks.secret;
    settings->connections = config.limits.hook_connections;
    settings->queue_calls = config.limits.hook_queue_calls;
    settings->queue_bytes = config.limits.hook_queue_bytes;
    settings->answer_bytes = config.limits.hook_answer_bytes;
    settings->tls = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
    settings->tls->set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
    error_code failure;
    settings->tls->set_default_verify_paths(failure);
    if (!config.hooks.ca.empty()) settings->tls->load_verify_file(config.hooks.ca, failure);
    if (failure) throw std::runtime_error("hooks.ca " + config.hooks.ca + ": " + failure.message());
    return settings;
}

class Caller::Impl {
  public:
    explicit Impl(SettingsPtr settings);
    ~Impl();

    void ask(Call call);
    void use(SettingsPtr settings);

  private:
    struct Pending {
        Pending(Call question, asio::io_context& context) : call(std::move(question)), deadline(context) {}
        Call call;
        asio::steady_timer deadline;
        Link* link = nullptr;  ///< while it is being asked
        bool connected = false;
        bool answered = false;
    };
    using PendingPtr = std::shared_ptr<Pending>;
    using LinkPtr = std::unique_ptr<Link>;

    /// One address, with its connections.
    struct Target {
        config::HookUrl url;
        std::string name;  ///< for logs
        SettingsPtr settings;
        std::deque<PendingPtr> queue;
        std::vector<LinkPtr> idle;
        std::size_t busy = 0;
        std::chrono::steady_clock::time_point warned_at{};
        std::size_t not_warned_of = 0;
    };
    using TargetPtr = std::shared_ptr<Target>;

    bool has_room_for(const Call& call);
    void begin(const PendingPtr& pending);
    TargetPtr target_of(const std::string& url);
    void out_of_time(const TargetPtr& target, const PendingPtr& pending);
    void start(const TargetPtr& target);
    LinkPtr take_link(Target& target);
    asio::awaitable<void> serve(TargetPtr target, LinkPtr link, PendingPtr pending);
    asio::awaitable<Reply> request(Target& target, LinkPtr& link, Pending& pending);
    void answer(Target& target, Pending& pending, Verdict verdict);
    void warn(Target& target, const Verdict& verdict);
    void sweep();

    asio::io_context context_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
    asio::steady_timer sweep_timer_{context_};
    SettingsPtr settings_;
    std::unordered_map<std::string, TargetPtr> targets_;
    std::atomic<std::size_t> queue_calls_max_;
    std::atomic<std::size_t> queue_bytes_max_;
    std::atomic<std::size_t> calls_{0};
    std::atomic<std::size_t> bytes_{0};
    std::thread thread_;
};

Caller::Impl::Impl(SettingsPtr settings)
    : settings_(std::move(settings)),
      queue_calls_max_(settings_->queue_calls),
      queue_bytes_max_(settings_->queue_bytes) {
    sweep();
    thread_ = std::thread([this] { context_.run(); });
}

Caller::Impl::~Impl() {
    context_.stop();
    thread_.join();
}

bool Caller::Impl::has_room_for(const Call& call) {
    const std::size_t calls = calls_.fetch_add(1) + 1;
    const std::size_t bytes = bytes_.fetch_add(call.body.size()) + call.body.size();
    return calls <= queue_calls_max_ && bytes <= queue_bytes_max_;
}

void Caller::Impl::ask(Call call) {
    const bool room = has_room_for(call);
    asio::post(context_, [this, room, pending = std::make_shared<Pending>(std::move(call), context_)] {
        if (room) return begin(pending);
        const TargetPtr target = target_of(pending->call.url);
        answer(*target, *pending,
               failure(Outcome::queue_full,
                       "was not asked: limits.hook_queue_calls or "
                       "limits.hook_queue_bytes is reached"));
    });
}

void Caller::Impl::use(SettingsPtr settings) {
    asio::post(context_, [this, settings = std::move(settings)]() mutable {
        queue_calls_max_ = settings->queue_calls;
        queue_bytes_max_ = settings->queue_bytes;
        settings_ = std::move(settings);
        targets_.clear();
    });
}

Caller::Impl::TargetPtr Caller::Impl::target_of(const std::string& url) {
    TargetPtr& target = targets_[url];
    if (!target) {
        target = std::make_shared<Target>();
        config::parse_hook_url(url, target->url);
        target->name = without_query(url);
        target->settings = settings_;
    }
    return target;
}

void Caller::Impl::begin(const PendingPtr& pending) {
    const TargetPtr target = target_of(pending->call.url);
    pending->deadline.expires_after(pending->call.timeout);
    pending->deadline.async_wait([this, target, pending](const error_code& cancelled) {
        if (!cancelled) out_of_time(target, pending);
    });
    target->queue.push_back(pending);
    start(target);
}

void Caller::Impl::out_of_time(const TargetPtr& target, const PendingPtr& pending) {
    if (pending->answered) return;
    if (pending->link != nullptr) pending->link->close();
    answer(*target, *pending, failure(Outcome::timed_out, "has not answered in time"));
}

void Caller::Impl::start(const TargetPtr& target) {
    while (!target->queue.empty() && target->busy < target->settings->connections) {
        PendingPtr pending = std::move(target->queue.front());
        target->queue.pop_front();
        if (pending->answered) continue;
        LinkPtr link = take_link(*target);
        ++target->busy;
        const auto done = [this, target](const std::exception_ptr& thrown) {
            --target->busy;
            if (thrown) spdlog::error("hook {}: the question ended in an exception", target->name);
            start(target);
        };
        asio::co_spawn(context_, serve(target, std::move(link), std::move(pending)), done);
    }
}

Caller::Impl::LinkPtr Caller::Impl::take_link(Target& target) {
    while (!target.idle.empty()) {
        LinkPtr link = std::move(target.idle.back());
        target.idle.pop_back();
        if (!link->stale(kIdleMax)) return link;
    }
    return std::make_unique<Link>(context_, target.url, *target.settings->tls);
}

/// One question. A kept connection that the backend has closed meanwhile, before any of an answer, says
/// nothing about the question: it is asked again on a fresh one.
asio::awaitable<Reply> Caller::Impl::request(Target& target, LinkPtr& link, Pending& pending) {
    HttpRequest question(http::verb::post, target.url.target, 11);
    question.set(http::field::host, host_header(target.url));
    question.set(http::field::user_agent, "millrace");
    question.set(http::field::content_type, "application/json");
    if (!target.settings->secret.empty())
        question.set("Millrace-Signature", sign(pending.call.body, target.settings->secret));
    question.body() = pending.call.body;
    question.prepare_payload();
    for (;;) {
        const bool kept = link->used();
        pending.link = link.get();
        Reply reply;
        if (!kept) {
            pending.connected = true;
            reply.error = co_await link->open();
        }
        if (!reply.error) reply = co_await link->exchange(question, target.settings->answer_bytes);
        pending.link = nullptr;
        if (!kept || !reply.error || reply.begun || pending.answered) co_return reply;
        link = std::make_unique<Link>(context_, target.url, *target.settings->tls);
    }
}

asio::awaitable<void> Caller::Impl::serve(TargetPtr target, LinkPtr link, PendingPtr pending) {
    const Reply reply = co_await request(*target, link, *pending);
    if (!reply.error && reply.keep) target->idle.push_back(std::move(link));
    if (pending->answered) co_return;
    if (reply.error == Errc::too_large) {
        answer(*target, *pending, failure(Outcome::too_large, "is larger than limits.hook_answer_bytes"));
    } else if (reply.error) {
        const Outcome outcome = reply.begun ? Outcome::bad_answer : Outcome::unreachable;
        answer(*target, *pending, failure(outcome, reply.error.message()));
    } else {
        answer(*target, *pending, read_answer(reply.status, reply.body, pending->call.replaceable));
    }
}

void Caller::Impl::answer(Target& target, Pending& pending, Verdict verdict) {
    pending.answered = true;
    pending.deadline.cancel();
    calls_.fetch_sub(1);
    bytes_.fetch_sub(pending.call.body.size());
    verdict.connected = pending.connected;
    if (!verdict.detail.empty()) warn(target, verdict);
    pending.call.shard->post([done = std::move(pending.call.done), verdict = std::move(verdict)]() mutable {
        done(std::move(verdict));
    });
}

void Caller::Impl::warn(Target& target, const Verdict& verdict) {
    const auto now = std::chrono::steady_clock::now();
    if (now - target.warned_at < kBetweenWarnings && target.warned_at.time_since_epoch().count() != 0) {
        ++target.not_warned_of;
        return;
    }
    target.warned_at = now;
    spdlog::warn("hook {}: {}; that counts as a no ({} more since the last such line)", target.name,
                 verdict.detail, std::exchange(target.not_warned_of, 0));
}

void Caller::Impl::sweep() {
    for (const auto& [url, target] : targets_)
        std::erase_if(target->idle, [](const LinkPtr& link) { return link->stale(kIdleMax); });
    sweep_timer_.expires_after(kSweep);
    sweep_timer_.async_wait([this](const error_code& cancelled) {
        if (!cancelled) sweep();
    });
}

Caller::Caller(SettingsPtr settings) : impl_(std::make_unique<Impl>(std::move(settings))) {}
Caller::~Caller() = default;
void Caller::ask(Call call) {
    impl_->ask(std::move(call));
}
void Caller::use(SettingsPtr settings) {
    impl_->use(std::move(settings));
}

}  // namespace millrace::hooks
