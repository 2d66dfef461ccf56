// What a shard counts. Written by its own thread only, read by any.
#pragma once

#include <atomic>
#include <cstdint>

namespace millrace {

/// A number with one writer: no locked instruction on the hot path.
class Counter {
  public:
    void add(std::uint64_t amount = 1) {
        value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    }
    void subtract(std::uint64_t amount = 1) {
        value_.store(value_.load(std::memory_order_relaxed) - amount, std::memory_order_relaxed);
    }
    std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

/// One of these per shard; /metrics adds them up. What is dropped is counted by reason.
struct Counters {
    Counter connections;  ///< open now
    Counter connections_total;
    Counter bytes_in;
    Counter bytes_out;
    Counter sessions;         ///< MQTT sessions, connected or not; summed over the shards, since they move
    Counter queued_messages;  ///< waiting in sessions; summed over the shards
    Counter queued_bytes;
    Counter mqtt_clients;     ///< connected now
    Counter messages_in;      ///< published, through any door
    Counter publishers_held;  ///< times that an MQTT client was not read from over limits.publish_rate
    Counter messages_out;     ///< handed to a subscriber's connection
    Counter dropped_outbox_full;
    Counter dropped_queue_full;
    Counter positions_lost;       ///< of MQTT sessions in stored channels: what they still wanted was deleted
    Counter dropped_queues_full;  ///< over limits.queued_messages or queued_bytes
    Counter dropped_expired;
    Counter dropped_too_large;      ///< over the packet size that the receiver accepts
    Counter dropped_overloaded;     ///< QoS 0 that a full lane would not take
    Counter dropped_offline;        ///< QoS 0 for a client that was not connected
    Counter dropped_no_member;      ///< of a shared subscription that nobody was left to have
    Counter dropped_retained_full;  ///< could not be kept as retained; was delivered all the same
    Counter browser_sockets;        ///< of the bridge, open now
    Counter browser_rooms;          ///< channels and filters with a browser on this shard
    Counter event_streams;          ///< open now
    Counter ignored_frames;         ///< of browsers: not JSON, or without an action
    Counter dropped_presence;  ///< roster changes that a slow browser was spared; the roster follows later
    Counter dropped_cursors;   ///< positions of readers, over limits.bridge_cursors
    Counter closed_protocol_error;
    Counter closed_slow_reader;
    Counter closed_timed_out;
    Counter closed_not_authorised;  ///< wrong credentials, or somebody else's client id
    Counter hook_calls;             ///< questions to hooks
    Counter hook_allowed;           ///< with or without another payload
    Counter hook_denied;            ///< by the backend
    Counter hook_failed_timed_out;  ///< no answer: denied by us; this and the next
    Counter hook_failed_unreachable;
    Counter hook_failed_bad_answer;
    Counter hook_failed_too_large;
    Counter hook_failed_queue_full;
    Counter hook_replaced;     ///< payloads that a hook has put in the place of others
    Counter hook_connections;  ///< opened to backends
    Counter hook_wait_us;      ///< from question to answer, in sum
    Counter tls_handshakes;    ///< that have succeeded
    Counter tls_failed_not_tls;
    Counter tls_failed_version;
    Counter tls_failed_cipher;
    Counter tls_failed_application;
    Counter tls_failed_no_certificate;
    Counter tls_failed_certificate;
    Counter tls_failed_alert;
    Counter tls_failed_cut_off;
    Counter tls_failed_flood;
    Counter tls_failed_protocol;
    Counter refused_connections;      ///< over limits.connections; this and the next by the accepting shard
    Counter refused_address;          ///< over limits.connections_per_address
    Counter refused_connect_rate;     ///< over limits.connect_rate
    Counter refused_proxy_untrusted;  ///< a PROXY listener, reached past its proxies
    Counter refused_proxy_header;     ///< no PROXY header, a broken one, or not in time
};

}  // namespace millrace
