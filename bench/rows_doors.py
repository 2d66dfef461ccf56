"""The rows through the doors: POST in, WebSocket out, as bench_peers.py of the load tools runs them."""
import http.client
import json
import re
import time

from peers import BODY
from processes import BenchError, cpu_seconds, output_of
from rows_mqtt import Row
from tools import BUILD

WARMUP = 1
BATCH = 100
RECORD = '{"message":"With great power comes great responsibility","user":"peter","n":12345}'  # pglimit's
A = "--subs 1000 --channels 1 --pubs 16 --window 32 --poll-us 100"
B = "--subs 100 --channels 100 --pubs 64"
C = "--subs 1000 --channels 100 --pubs 64 --rate 1000"
ORDER = "--subs 64 --channels 4 --pubs 16"
D = "--subs 10000 --channels 10000 --hold 3 --connect-parallel 256"


def batch_body(count):
    """A request of `count` messages over 64 channels, each with pglimit's record but the first, which carries rtload's mark."""
    first = BODY.replace("{channel}", "lim0")
    rest = (f'{{"channel":"lim{i % 64}","data":{RECORD}}}' for i in range(1, count))
    return '{"messages":[' + ",".join([first, *rest]) + "]}"


def rtload(server, options, seconds, *, mode="run", subscribe=True, post=None, body=BODY, warmup=WARMUP, timeout=90):
    argv = [BUILD / "rtload", mode, "--pid", server["pid"]]
    if subscribe:
        argv += ["--ws", server["ws"]]
        if "join" in server:
            argv += ["--join", server["join"], "--join-ack", server["ack"]]
    if mode == "run":
        argv += ["--post", post or server["post"], "--body", body, "--payload-size", "64", "--warmup", str(warmup), "--seconds", str(seconds)]
    result = json.loads(output_of([*argv, *options.split()], timeout + seconds))
    return {k: v for k, v in result.items() if k not in ("tool", "label", "scenario")}


def committed(server, result, per_request=1):
    """What was acknowledged must be in the store, and nothing else."""
    if server.get("rows"):
        rows = server["rows"]()
        result["rows_missing"] = max(0, result["acked"] * per_request - rows)
        result["rows_extra"] = max(0, rows - (result["acked"] + result["unanswered"]) * per_request)
    return result


class Doors:
    def __init__(self, peers, postgres, seconds):
        self.peers, self.postgres, self.seconds = peers, postgres, seconds

    def run(self, name, options):
        with self.peers.start(name) as server:
            time.sleep(0.5)
            return [committed(server, rtload(server, options, self.seconds))]

    def idle(self, name):
        with self.peers.start(name) as server:
            time.sleep(0.5)
            return [rtload(server, D, self.seconds, mode="idle")]

    def batch(self, name):
        if name in ("pglimit", "sqlitelimit"):
            return [self.limit(name, 1000)]
        with self.peers.start(name) as server:
            time.sleep(0.5)
            post = f"http://{server['at']}/v1/publish/batch"
            result = rtload(server, "--pubs 64", self.seconds, subscribe=False, post=post, body=batch_body(BATCH))
            result["rows_per_s"] = result["acks_per_s"] * BATCH
            return [committed(server, result, BATCH)]

    def limits(self, name):
        return [dict(self.limit(name, batch), point=batch) for batch in (1, 100, 1000)]

    def limit(self, name, batch):
        """What the database takes from a client that does nothing else."""
        if name == "pglimit":
            with self.postgres.database() as database:
                argv = [self.postgres.url(database), self.seconds, batch, "copy" if batch > 1 else "insert"]
                return json.loads(output_of([BUILD / name, *argv], self.seconds + 30))
        with self.peers.fresh() as folder:
            return json.loads(output_of([BUILD / name, folder / "limit.db", self.seconds, batch, "FULL"], self.seconds + 30))

    def http(self, name):
        with self.peers.start(name) as server:
            time.sleep(0.5)
            if "get" not in server:  # the floor answers POST alone
                result = rtload(server, "--pubs 64 --channels 100", self.seconds, subscribe=False)
                return [dict(result, cpu_s_per_M_requests=result["cpu_s_per_M_published"], requests_per_s=result["acks_per_s"])]
            return [wrk(server, self.seconds)]


def wrk(server, seconds):
    def run(for_seconds):
        return output_of(["wrk", "-t1", "-c64", f"-d{for_seconds:.0f}", server["get"]], for_seconds + 20)

    run(1)
    before, at = cpu_seconds(server["root"]), time.monotonic()
    text = run(max(1, seconds))
    cpu, took = cpu_seconds(server["root"]) - before, time.monotonic() - at
    total, rate = re.search(r"(\d+) requests in", text), re.search(r"Requests/sec:\s+([\d.]+)", text)
    if not total or not rate or not int(total[1]):
        raise BenchError(f"wrk: {text.strip()[:200]}")
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    return dict(requests_per_s=float(rate[1]), cpu_s_per_M_requests=cpu * 1e6 / int(total[1]), server_cpu=cpu / took,
                nacked=int(refused[1]) if refused else 0, dropped=sum(map(int, broken.groups())) if broken else 0)


def rows(doors):
    def door(name, servers, options):
        return Row(name, "doors", servers, lambda server: doors.run(server, options), f"rtload run {options}")

    return [
        door("A", ["millrace-live", "millrace-pg", "floor", "floor-batch", "nchan", "node-pg"], A),
        door("B", ["millrace-pg", "millrace-sqlite", "millrace-live", "floor", "nchan", "node-pg", "node-live"], B),
        Row("batch", "doors", ["pglimit", "millrace-pg", "sqlitelimit", "millrace-sqlite"], doors.batch,
            f"rtload run --pubs 64, {BATCH} messages a request; pglimit … 1000 copy; sqlitelimit … 1000 FULL"),
        Row("E", "limits", ["pglimit", "sqlitelimit"], doors.limits, "pglimit … 1 insert, 100 copy, 1000 copy; sqlitelimit … 1, 100, 1000 FULL", once=True),
        door("C", ["millrace-pg", "millrace-sqlite", "floor", "nchan", "node-pg"], C),
        door("order", ["millrace-2-live", "millrace-2-sqlite", "millrace-2-pg"], ORDER),
        Row("D", "doors", ["millrace-live", "floor", "nchan", "node-live"], doors.idle, f"rtload idle {D}", postgres=False),
        Row("F", "doors", ["millrace-live", "floor", "nchan"], doors.http,
            "wrk -t1 -c64 on /healthz and on nginx's `return 200`; the floor by rtload run --pubs 64 --channels 100", postgres=False),
    ]


def history_ms(server, channel, requests=200):
    """Median time of one page of the newest 100 messages."""
    connection, times = http.client.HTTPConnection(server["at"], timeout=30), []
    for _ in range(requests):
        started = time.monotonic()
        connection.request("GET", f"/v1/channels/{channel}/messages?limit=100")
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise BenchError(f"history: status {answer.status}")
        times.append((time.monotonic() - started) * 1e3)
    connection.close()
    return sorted(times)[requests // 2]


def publish_once_each(server, channels):
    """One message to each of ch0, ch1, …, so that every channel exists before it is measured."""
    connection = http.client.HTTPConnection(server["at"], timeout=60)
    for first in range(0, channels, 1000):
        names = range(first, min(channels, first + 1000))
        body = '{"messages":[' + ",".join(f'{{"channel":"ch{i}","data":1}}' for i in names) + "]}"
        connection.request("POST", "/v1/publish/batch", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise BenchError(f"publishing to {channels} channels: status {answer.status}")
    connection.close()
