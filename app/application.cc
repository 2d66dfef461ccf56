#include "app/application.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <future>
#include <spdlog/spdlog.h>
#include <stdexcept>
#include <thread>

#include "app/acceptor.h"
#include "app/doors.h"
#include "app/entrance.h"
#include "app/logging.h"
#include "app/reload.h"
#include "config/load.h"
#include "core/access/password_worker.h"
#include "core/guarded.h"
#include "core/hooks/caller.h"
#include "core/net/connection.h"
#include "core/shard.h"
#include "mqtt/broker/broker.h"
#include "mqtt/broker/session_directory.h"
#include "mqtt/broker/session_recall.h"
#include "mqtt/broker/session_table.h"
#include "mqtt/broker/sys_topics.h"
#include "store/postgres/postgres_backend.h"
#include "store/session_keeper.h"
#include "store/sqlite/sqlite_backend.h"
#include "store/store.h"

namespace millrace::app {
namespace {

/// How long clients may take to hear the goodbye.
constexpr std::chrono::seconds kGoodbye{5};
constexpr Milliseconds kGoodbyePoll{20};

std::unique_ptr<store::Backend> open_backend(const config::Store& wanted) {
    std::string why;
    auto opened = wanted.kind == config::StoreKind::postgres ? store::postgres::open(wanted.url, why)
                                                             : store::sqlite::open(wanted.path, why);
    if (!opened) throw std::runtime_error("cannot open the store: " + why);
    return std::move(*opened);
}

store::Limits store_limits(const config::Config& config) {
    store::Limits limits;
    limits.lanes = config.store.resolved_lanes();
    limits.lane_queue_messages = config.limits.lane_queue_messages;
    limits.lane_queue_bytes = config.limits.lane_queue_bytes;
    limits.lane_batch_messages = config.limits.lane_batch_messages;
    limits.wait = config.limits.store_wait;
    limits.trim_messages = static_cast<std::uint32_t>(config.limits.retention_step_messages);
    limits.sql.poll = config.store.sql_poll;
    limits.sql.messages = static_cast<std::uint32_t>(config.limits.sql_messages);
    limits.sql.message_bytes = config.limits.sql_message_bytes;
    limits.sql.refused_messages = static_cast<std::uint32_t>(config.limits.sql_refused_messages);
    limits.session_changes = config.limits.session_changes;
    return limits;
}

/// Whoever may execute millrace.publish().
const access::Principal kSqlBackend{.kind = access::Principal::Kind::backend, .name = "SQL"};

/// Runs `task` on the shard and waits for it.
template <class Function>
void on_shard(Shard& shard, Function task) {
    std::promise<void> done;
    shard.post([&] {
        task();
        done.set_value();
    });
    done.get_future().wait();
}

}  // namespace

class Application::Impl {
  public:
    Impl(const config::Config& config, std::string config_path);
    void run();

  private:
    void build_shards();
    void start_retention(const config::Config& config);
    void start_sql();
    void bind_listeners();
    void start();
    void drain();
    void await_reload(boost::asio::signal_set& signals);
    void reload();
    void apply(const access::AuthoriserPtr& authoriser, const config::ConfigPtr& config);
    void ask_hooks_as(const config::Config& config);
    void present(Acceptor::TlsContext certificates);
    std::size_t open_connections() const;

    const config::Config config_;
    const std::string config_path_;
    const access::Authoriser authoriser_;
    Guarded<access::AuthoriserPtr> rules_;  ///< the latest, for threads that are no shards
    mqtt::BrokerContext context_;
    mqtt::Distributor distributor_{context_};
    mqtt::SessionDirectory directory_;
    std::vector<std::unique_ptr<Shard>> shards_;
    std::unique_ptr<access::PasswordWorker> passwords_;
    std::unique_ptr<store::Store> store_;
    std::vector<std::unique_ptr<mqtt::Broker>> brokers_;
    std::vector<std::unique_ptr<mqtt::SessionTable>> sessions_;
    std::unique_ptr<mqtt::SysTopics> sys_topics_;
    std::unique_ptr<hooks::Caller> hooks_;  ///< nullptr: no rule has named one yet
    std::unique_ptr<Doors> doors_;
    std::unique_ptr<Entrance> entrance_;
    std::vector<std::unique_ptr<Acceptor>> acceptors_;
    std::vector<std::thread> threads_;
    bool retains_ = false;
};

Application::Impl::Impl(const config::Config& config, std::string config_path)
    : config_(config),
      config_path_(std::move(config_path)),
      authoriser_(config_),
      rules_(access::AuthoriserPtr(), &authoriser_) {
    set_up_logging(config_.log);
    std::unique_ptr<store::Backend> backend = open_backend(config_.store);
    const Result<std::vector<MessagePtr>> retained = backend->open_reader()->retained();
    if (!retained)
        throw std::runtime_error("cannot read the retained messages: " + retained.error().message());
    store_ = std::make_unique<store::Store>(std::move(backend), store_limits(config_), distributor_);
    build_shards();
    for (const MessagePtr& message : *retained) {
        for (const auto& broker : brokers_) broker->restore_retained(message);
    }
    mqtt::restore_sessions(*store_, sessions_);
    start_retention(config_);
    bind_listeners();
}

/// Rules say how long messages are kept; without such a rule nobody has to look.
void Application::Impl::start_retention(const config::Config& config) {
    const bool wanted =
        std::any_of(config.channels.begin(), config.channels.end(),
                    [](const config::ChannelRule& rule) { return rule.retention != config::Retention{}; });
    if (!wanted || retains_) return;
    retains_ = true;
    const auto policy = [this](std::string_view channel) {
        const access::AuthoriserPtr rules = *rules_.lock();
        return rules->rule_for(channel).retention;
    };
    store_->start_retention(policy, config_.limits.retention_interval);
}

void Application::Impl::start_sql() {
    const auto route = [this](const Message& message) {
        const access::AuthoriserPtr rules = *rules_.lock();
        const config::ChannelRule& rule = rules->rule_for(message.channel());
        const access::Action action = access::publish_action(message.kind());
        if (!rules->may(kSqlBackend, action, message.channel(), rule).allowed)
            return store::SqlRoute::forbidden;
        return rule.store ? store::SqlRoute::stored : store::SqlRoute::live;
    };
    const auto deliver = [this](const std::vector<MessagePtr>& messages) {
        // Waiting for the shard keeps no more than one batch on its way there.
        on_shard(*shards_.front(), [this, &messages] {
            for (const MessagePtr& message : messages)
                static_cast<void>(brokers_.front()->publish({.principal = &kSqlBackend, .message = message}));
        });
    };
    store_->start_sql({route, deliver});
}

void Application::Impl::build_shards() {
    const unsigned count = config_.resolved_threads();
    context_.config = &config_;
    context_.store = store_.get();
    context_.listeners = config_.listeners;
    passwords_ = std::make_unique<access::PasswordWorker>(config_.limits.password_queue);
    context_.passwords = passwords_.get();
    context_.brokers.resize(count);
    for (unsigned i = 0; i < count; ++i) {
        shards_.push_back(std::make_unique<Shard>(i));
        brokers_.push_back(std::make_unique<mqtt::Broker>(*shards_[i], context_, authoriser_));
        context_.brokers[i] = brokers_.back().get();
    }
    for (const auto& broker : brokers_) {
        sessions_.push_back(std::make_unique<mqtt::SessionTable>(*broker, directory_));
    }
    if (config_.asks_hooks()) {
        hooks_ = std::make_unique<hooks::Caller>(hooks::settings_of(config_));
        for (const auto& broker : brokers_) broker->follow_hooks(*hooks_);
    }
    doors_ = std::make_unique<Doors>(context_.brokers, sessions_);
    const Milliseconds interval = config_.limits.sys_interval;
    if (interval.count() == 0) return;
    const std::string version = std::string("millrace version ") + MILLRACE_VERSION;
    sys_topics_ = std::make_unique<mqtt::SysTopics>(*brokers_.front(), version, interval);
}

void Application::Impl::bind_listeners() {
    std::vector<Shard*> shards;
    for (const auto& shard : shards_) shards.push_back(shard.get());
    entrance_ = make_entrance(config_, shards);
    if (entrance_->admission.counts_open()) tell_departures(shards, entrance_->admission);
    const Acceptor::TlsContext context = load_certificates(config_);
    for (std::size_t i = 0; i < config_.listeners.size(); ++i) {
        const auto greet = [this, scheme = config_.listeners[i].scheme](Connection& connection) {
            return doors_->greet(connection, scheme);
        };
        acceptors_.push_back(
            std::make_unique<Acceptor>(*shards_.front(), *entrance_, acceptor_options(config_.listeners, i),
                                       config_.listeners[i].is_secure() ? context : nullptr, greet));
    }
}

void Application::Impl::start() {
    for (const auto& shard : shards_) threads_.emplace_back([&shard = *shard] { shard.run(); });
    on_shard(*shards_.front(), [this] {
        if (sys_topics_) sys_topics_->start();
        for (const auto& acceptor : acceptors_) acceptor->start();
    });
    for (std::size_t i = 0; i < acceptors_.size(); ++i) {
        config::Listener bound = config_.listeners[i];
        bound.port = acceptors_[i]->port();
        spdlog::info("listening on {}", bound.url());
    }
    start_sql();
    spdlog::info("ready: {} shard(s), store {} (epoch {})", shards_.size(),
                 config_.store.kind == config::StoreKind::postgres ? "PostgreSQL" : "SQLite",
                 store_->epoch());
}

std::size_t Application::Impl::open_connections() const {
    std::size_t open = 0;
    for (const auto& shard : shards_) open += shard->counters().connections.value();
    return open;
}

/// No new connections; what was accepted is committed and acknowledged; everybody hears a goodbye.
void Application::Impl::drain() {
    on_shard(*shards_.front(), [this] {
        for (const auto& acceptor : acceptors_) acceptor->stop();
    });
    store_->drain();
    const std::int64_t horizon_us = store_->settled_through();
    for (std::size_t i = 0; i < shards_.size(); ++i) {
        on_shard(*shards_[i], [this, i, horizon_us] {
            sessions_[i]->saver().settle(horizon_us);
            shards_[i]->connections().shut_down();
        });
    }
    const auto end = std::chrono::steady_clock::now() + kGoodbye;
    while (open_connections() != 0 && std::chrono::steady_clock::now() < end) {
        std::this_thread::sleep_for(kGoodbyePoll);
    }
    for (std::size_t i = 0; i < shards_.size(); ++i) {
        on_shard(*shards_[i], [this, i] { sessions_[i]->saver().save_all(); });
        shards_[i]->stop();
    }
    for (std::thread& thread : threads_) thread.join();
    store_->sessions()->stop();
    spdlog::info("stopped");
}

void Application::Impl::await_reload(boost::asio::signal_set& signals) {
    signals.async_wait([this, &signals](const error_code& failure, int) {
        if (failure) return;
        reload();
        await_reload(signals);
    });
}

/// SIGHUP: everything but what a server is built on. What is no good is not taken over, none of it.
void Application::Impl::reload() {
    if (config_path_.empty())
        return spdlog::warn("reload: there is no configuration file; nothing has changed");
    const config::LoadResult loaded = config::load_file(config_path_);
    for (const config::Problem& problem : loaded.problems)
        spdlog::error("reload: {}", config::format(config_path_, problem));
    if (!loaded.problems.empty()) return spdlog::error("reload: the old configuration stays");
    const config::ConfigPtr fresh =
        std::make_shared<const config::Config>(with_foundations(loaded.config, config_));
    try {
        Acceptor::TlsContext certificates = load_certificates(*fresh);
        ask_hooks_as(*fresh);
        apply(std::make_shared<const access::Authoriser>(*fresh), fresh);
        present(std::move(certificates));
    } catch (const std::exception& failure) {
        return spdlog::error("reload: {}; the old configuration stays", failure.what());
    }
    start_retention(*fresh);
    set_log_level(fresh->log.level);
    warn_of_unapplied(loaded.config, *fresh);
    spdlog::info("reload: done");
}

/// Before the rules that name hooks hold.
void Application::Impl::ask_hooks_as(const config::Config& config) {
    if (!hooks_ && !config.asks_hooks()) return;
    hooks::SettingsPtr settings = hooks::settings_of(config);
    if (hooks_) return hooks_->use(std::move(settings));
    hooks_ = std::make_unique<hooks::Caller>(std::move(settings));
    for (unsigned i = 0; i < shards_.size(); ++i) {
        on_shard(*shards_[i], [this, i] { brokers_[i]->follow_hooks(*hooks_); });
    }
}

/// Each shard changes over between two turns.
void Application::Impl::apply(const access::AuthoriserPtr& authoriser, const config::ConfigPtr& config) {
    *rules_.lock() = authoriser;
    for (unsigned i = 0; i < shards_.size(); ++i) {
        on_shard(*shards_[i], [this, i, &authoriser, &config] {
            brokers_[i]->use(authoriser, config);
            doors_->review(i);
        });
    }
}

/// To new connections; those that are open stay as they are.
void Application::Impl::present(Acceptor::TlsContext certificates) {
    shards_.front()->post([this, certificates = std::move(certificates)] {
        for (const auto& acceptor : acceptors_) {
            if (acceptor->is_secure()) acceptor->use(certificates);
        }
    });
}

void Application::Impl::run() {
    std::signal(SIGPIPE, SIG_IGN);
    boost::asio::io_context context(1);
    boost::asio::signal_set stop(context, SIGTERM, SIGINT);
    bool stopping = false;
    stop.async_wait([&stopping](const error_code& failure, int signal) {
        if (!failure) spdlog::info("signal {}: draining", signal);
        stopping = true;
    });
    boost::asio::signal_set hang_up(context, SIGHUP);
    await_reload(hang_up);
    start();
    while (!stopping) context.run_one();
    drain();
}

Application::Application(const config::Config& config, std::string config_path)
    : impl_(std::make_unique<Impl>(config, std::move(config_path))) {}
Application::~Application() = default;
void Application::run() {
    impl_->run();
}

}  // namespace millrace::app
