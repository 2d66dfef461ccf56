// How the server is.
#pragma once

namespace millrace::http {

struct Exchange;

/// `GET /healthz`: the shard answers.
void serve_health(Exchange& exchange);
/// `GET /readyz`: the store can be reached.
void serve_readiness(Exchange& exchange);
/// `GET /metrics`: the counters of all shards in Prometheus' text format.
void serve_metrics(Exchange& exchange);

}  // namespace millrace::http
