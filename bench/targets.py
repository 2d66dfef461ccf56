"""What is measured for, in one table: the bounds of the benchmark, and what each of them compares."""
from dataclasses import dataclass

CPU, CPU_LOAD, CPU_QUEUE = "cpu_s_per_M", "load_cpu_s_per_M", "queue_cpu_s_per_M"
PUBLISHED, DELIVERED = "cpu_s_per_M_published", "cpu_s_per_M_delivered"
UNITS = {
    CPU: "CPU-s per million", CPU_LOAD: "CPU-s per million", CPU_QUEUE: "CPU-s per million", "cpu_s_per_1k_conns": "CPU-s per 1,000",
    "rss_bytes_per_conn": "bytes", "pss_per_conn_b": "bytes", "lat_p50_us": "µs", "lat_p99_us": "µs", "ws_us.p50": "µs", "ws_us.p99": "µs",
    PUBLISHED: "CPU-s per million", DELIVERED: "CPU-s per million", "cpu_s_per_M_requests": "CPU-s per million", "acks_per_s": "per second",
    "rows_per_s": "rows per second", "disorder": "",
}


@dataclass
class Target:
    """`kind` says what is held against `bound`: "at most" our figure; "less" theirs / ours, the bound being the least;
    "more" ours / theirs, the least; "cost" ours / theirs, the most; "flat" the dearest point of a series / its first, the most."""

    table: str
    row: str
    what: str
    field: str
    server: str
    kind: str
    bound: float
    other: str = ""
    orientation: float | None = None  # FlashMQ's ratio to Mosquitto, on a machine like this
    floor: tuple | None = None  # a server that does the least, and its figure on the machine for which an "at most" was set


def against_mosquitto(row, what, bound, flashmq=None, field=CPU):
    return Target("mqtt", row, what, field, "millrace", "less", bound, "mosquitto", flashmq)


def two_shards(row, what, field=CPU):
    return Target("shards", row, what, field, "millrace-2", "cost", 1.15, "millrace")


def door(row, what, field, server, kind, bound, other="", floor=None):
    return Target("doors", row, what, field, server, kind, bound, other, floor=floor)


def flat(row, what, field, server):
    return Target("scale", row, what, field, server, "flat", 1.10)


PG, LITE, LIVE = "millrace-pg", "millrace-sqlite", "millrace-live"

TARGETS = [
    against_mosquitto("fan8x8", "8 → 8, QoS 0", 50, 44),
    against_mosquitto("fanin50x1", "50 → 1, QoS 0", 24, 20),
    against_mosquitto("pair0", "10 pairs, QoS 0", 20, 16.5),
    against_mosquitto("pair1", "10 pairs, QoS 1", 14, 11.8),
    against_mosquitto("pair1v5", "10 pairs, QoS 1, MQTT 5.0", 14, 11.2),
    against_mosquitto("pair2", "10 pairs, QoS 2", 15, 12.9),
    against_mosquitto("fanout1000", "1 → 1,000", 9, 7.1),
    against_mosquitto("wild100k", "100,000 wildcard filters", 6, 4.7),
    against_mosquitto("retained100k", "100,000 retained: load", 3.3, 2.7, CPU_LOAD),
    against_mosquitto("retained100k", "100,000 retained: drain", 6, 4.8),
    against_mosquitto("offline60k", "60,000 for an absent client: queue", 4.5, 3.8, CPU_QUEUE),
    against_mosquitto("offline60k", "60,000 for an absent client: drain", 7, 5.7),
    against_mosquitto("big0", "16 KiB payloads", 4, 3.5),
    against_mosquitto("storm", "20,000 connects", 1.3, 1.04, "cpu_s_per_1k_conns"),
    against_mosquitto("lat0", "10,000/s, QoS 0: p50", 1, None, "lat_p50_us"),
    against_mosquitto("lat0", "10,000/s, QoS 0: p99", 1, None, "lat_p99_us"),
    against_mosquitto("lat1", "5,000/s, QoS 1: p50", 1, None, "lat_p50_us"),
    against_mosquitto("lat1", "5,000/s, QoS 1: p99", 1, None, "lat_p99_us"),
    Target("memory", "idle10k", "10,000 idle connections, each", "rss_bytes_per_conn", "millrace", "at most", 700, "mosquitto"),
    Target("memory", "idle10ksub", "the same, subscribed once", "rss_bytes_per_conn", "millrace", "at most", 1500, "mosquitto"),
    two_shards("fan8x8", "8 → 8"),
    two_shards("fanin50x1", "50 → 1"),
    two_shards("pair0", "10 pairs, QoS 0"),
    two_shards("pair1", "10 pairs, QoS 1"),
    two_shards("pair1v5", "10 pairs, QoS 1, MQTT 5.0"),
    two_shards("pair2", "10 pairs, QoS 2"),
    two_shards("fanout1000", "1 → 1,000"),
    two_shards("wild100k", "100,000 wildcard filters"),
    two_shards("retained100k", "retained: load", CPU_LOAD),
    two_shards("retained100k", "retained: drain"),
    two_shards("offline60k", "absent client: queue", CPU_QUEUE),
    two_shards("offline60k", "absent client: drain"),
    two_shards("big0", "16 KiB payloads"),
    two_shards("storm", "20,000 connects", "cpu_s_per_1k_conns"),
    two_shards("lat0", "10,000/s, QoS 0"),
    two_shards("lat1", "5,000/s, QoS 1"),
    door("A", "1 channel → 1,000 browsers, live", DELIVERED, LIVE, "at most", 0.8, floor=("floor-batch", 0.5)),
    door("A", "live, beside Nchan", DELIVERED, LIVE, "less", 5, "nchan"),
    door("A", "1 channel → 1,000 browsers, stored in PostgreSQL", DELIVERED, PG, "at most", 0.8, floor=("floor-batch", 0.5)),
    door("A", "stored in PostgreSQL, beside Nchan", DELIVERED, PG, "less", 5, "nchan"),
    door("B", "64 publishers, 100 channels, PostgreSQL (its CPU included)", PUBLISHED, PG, "at most", 26, floor=("floor", 12)),
    door("B", "acknowledgements beside the Node.js stack, PostgreSQL", "acks_per_s", PG, "more", 10, "node-pg"),
    door("B", "64 publishers, 100 channels, SQLite", PUBLISHED, LITE, "at most", 26, floor=("floor", 12)),
    door("B", "acknowledgements beside the Node.js stack, SQLite", "acks_per_s", LITE, "more", 10, "node-pg"),
    door("B", "64 publishers, 100 live channels", PUBLISHED, LIVE, "at most", 15, floor=("floor", 12)),
    door("batch", "100 messages a request, beside COPY of 1,000 rows", "rows_per_s", PG, "more", 0.70, "pglimit"),
    door("batch", "100 messages a request, beside SQLite's commits of 1,000", "rows_per_s", LITE, "more", 0.70, "sqlitelimit"),
    door("C", "1,000 messages/s, 10 browsers each, PostgreSQL: push p50", "ws_us.p50", PG, "at most", 600, floor=("floor", 210)),
    door("C", "push p99", "ws_us.p99", PG, "at most", 2000, floor=("floor", 800)),
    door("C", "push p50 beside the Node.js stack", "ws_us.p50", PG, "less", 2, "node-pg"),
    door("C", "push p99 beside the Node.js stack", "ws_us.p99", PG, "less", 2, "node-pg"),
    door("order", "several publishers a channel, both shards: disagreements, live", "disorder", "millrace-2-live", "at most", 0),
    door("order", "the same, SQLite", "disorder", "millrace-2-sqlite", "at most", 0),
    door("order", "the same, PostgreSQL", "disorder", "millrace-2-pg", "at most", 0),
    door("D", "10,000 idle browsers, one channel each: bytes per connection", "pss_per_conn_b", LIVE, "at most", 2000),
    door("F", "HTTP alone: /healthz", "cpu_s_per_M_requests", LIVE, "at most", 7, floor=("floor", 5.4)),
    flat("conns", "10 to 10,000 connections, 10,000 messages/s", CPU, "millrace"),
    flat("channels", "1 to 65,535 channels, 3,000 messages/s, SQLite", PUBLISHED, LITE),
    flat("channels", "1 to 65,535 channels, 3,000 messages/s, PostgreSQL", PUBLISHED, PG),
    flat("rows", "rows already in SQLite, 2,000 messages/s", PUBLISHED, LITE),
    flat("rows", "rows already in PostgreSQL, 2,000 messages/s", PUBLISHED, PG),
    flat("memory", "bytes per idle connection, 1,000 to 15,000", "rss_bytes_per_conn", "millrace"),
]

# What each table of results shows of a row beside the targets: (heading, field).
COLUMNS = {
    "A": [("deliveries/s", "ws_per_s"), ("CPU-s/M deliveries", DELIVERED), ("p50 µs", "ws_us.p50"), ("p99 µs", "ws_us.p99")],
    "B": [("acks/s", "acks_per_s"), ("CPU-s/M", PUBLISHED), ("ack p50 µs", "ack_us.p50"), ("ack p99 µs", "ack_us.p99")],
    "batch": [("rows/s", "rows_per_s"), ("CPU-s/M requests", PUBLISHED), ("commit p50 ms", "commit_ms_p50")],
    "C": [("push p50 µs", "ws_us.p50"), ("push p99 µs", "ws_us.p99"), ("push max µs", "ws_us.max"), ("CPU-s/M deliveries", DELIVERED)],
    "E": [("rows/s", "rows_per_s"), ("commit p50 ms", "commit_ms_p50"), ("commit p99 ms", "commit_ms_p99")],
    "order": [("deliveries/s", "ws_per_s"), ("push p50 µs", "ws_us.p50"), ("delivered", "delivered"), ("out of order", "disorder"), ("gaps", "gaps"), ("twice", "dups")],
    "D": [("PSS B/conn", "pss_per_conn_b"), ("RSS B/conn", "rss_per_conn_b"), ("connects/s", "connects_per_s"), ("idle CPU", "hold_cpu")],
    "F": [("requests/s", "requests_per_s"), ("CPU-s/M", "cpu_s_per_M_requests")],
    "conns": [("CPU-s/M", CPU), ("p50 µs", "lat_p50_us"), ("p99 µs", "lat_p99_us")],
    "topics": [("CPU-s/M", CPU), ("messages/s", "msgs_per_s"), ("bytes per subscription", "rss_bytes_per_sub")],
    "channels": [("CPU-s/M", PUBLISHED), ("ack p50 µs", "ack_us.p50"), ("ack p99 µs", "ack_us.p99")],
    "rows": [("CPU-s/M", PUBLISHED), ("ack p50 µs", "ack_us.p50"), ("ack p99 µs", "ack_us.p99"), ("page of history, ms", "history_ms")],
    "memory": [("resident MB", "rss_after_mb"), ("bytes per connection", "rss_bytes_per_conn")],
}
TITLES = {
    "A": "A: one channel to 1,000 browsers", "B": "B: one POST per message, each acknowledged", "batch": "Batches of 100 messages a request",
    "E": "E: what the databases take, rows a commit", "order": "One order on two shards: 16 publishers, 4 channels, 64 browsers",
    "C": "C: 1,000 messages a second to 10 browsers each", "D": "D: 10,000 idle browsers", "F": "F: HTTP alone",
    "conns": "Connections, at the same total rate", "topics": "Topics, each with a wildcard subscription, as fast as they go",
    "channels": "Stored channels, at the same total rate", "rows": "Rows already in the store, at the same rate", "memory": "Idle connections",
}
NAMES = {
    "mosquitto": "Mosquitto", "millrace": "Millrace", "millrace-2": "Millrace, two shards", "millrace-live": "Millrace, live",
    "millrace-2-live": "two shards, live", "millrace-2-sqlite": "two shards, SQLite", "millrace-2-pg": "two shards, PostgreSQL",
    "millrace-sqlite": "Millrace, SQLite", "millrace-pg": "Millrace, PostgreSQL", "floor": "floor", "floor-batch": "floor, coalescing",
    "nchan": "Nchan, 1 worker", "node-pg": "Node.js, PostgreSQL", "node-live": "Node.js, nothing stored", "pglimit": "pglimit",
    "sqlitelimit": "sqlitelimit",
}
