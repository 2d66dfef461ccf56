#include "app/reload.h"

#include <spdlog/spdlog.h>
#include <string_view>

namespace millrace::app {

config::Config with_foundations(config::Config fresh, const config::Config& running) {
    fresh.listeners = running.listeners;
    fresh.threads = running.threads;
    fresh.store = running.store;
    fresh.proxy_protocol = running.proxy_protocol;
    config::Limits& limits = fresh.limits;
    limits.connections = running.limits.connections;
    limits.connections_per_address = running.limits.connections_per_address;
    limits.connect_rate = running.limits.connect_rate;
    limits.password_queue = running.limits.password_queue;
    limits.retained_messages = running.limits.retained_messages;
    limits.retained_bytes = running.limits.retained_bytes;
    limits.lane_queue_messages = running.limits.lane_queue_messages;
    limits.lane_queue_bytes = running.limits.lane_queue_bytes;
    limits.lane_batch_messages = running.limits.lane_batch_messages;
    limits.store_wait = running.limits.store_wait;
    limits.sys_interval = running.limits.sys_interval;
    limits.retention_interval = running.limits.retention_interval;
    limits.retention_step_messages = running.limits.retention_step_messages;
    limits.sql_messages = running.limits.sql_messages;
    limits.sql_message_bytes = running.limits.sql_message_bytes;
    limits.sql_refused_messages = running.limits.sql_refused_messages;
    return fresh;
}

void warn_of_unapplied(const config::Config& wanted, const config::Config& applied) {
    const auto warn = [](bool changed, std::string_view what) {
        if (changed) spdlog::warn("reload: what has changed under {} needs a restart", what);
    };
    warn(wanted.listeners != applied.listeners, "'listeners'");
    warn(wanted.threads != applied.threads, "'threads'");
    warn(wanted.store != applied.store, "'store'");
    warn(wanted.proxy_protocol != applied.proxy_protocol, "'proxy_protocol'");
    warn(wanted.limits != applied.limits,
         "'limits' for accepting connections, passwords, retained messages, the store, retention or $SYS");
}

}  // namespace millrace::app
