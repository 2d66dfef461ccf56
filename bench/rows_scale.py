"""How cost grows: the same work with more connections, more channels, more rows already in the store."""
import time

from processes import BenchError
from rows_doors import batch_body, history_ms, publish_once_each, rtload
from rows_mqtt import Row

CONNECTIONS = (10, 100, 1_000, 10_000)
TOPICS = (1, 100, 10_000, 100_000)
CHANNELS = (1, 100, 10_000, 65_535)  # rtload's most
IDLE = (1_000, 2_000, 5_000, 10_000)
ROWS = (0, 100_000, 1_000_000, 4_000_000)
FILL_BATCH, FILL_SECONDS = 500, 40


class Scale:
    def __init__(self, brokers, peers, seconds):
        self.brokers, self.peers, self.seconds = brokers, peers, seconds

    def series(self, points, measure):
        """The points that could be measured; the first failure ends the series but not what came before it."""
        results = []
        for point in points:
            try:
                results.append(dict(measure(point), point=point))
            except BenchError as e:
                results.append({"point": point, "error": str(e)})
                break
        return results

    def connections(self, server):
        return self.series(CONNECTIONS, lambda n: self.brokers.measure_line(server, f"latency --pairs {n // 2} --qos 0 --rate 10000"))

    def topics(self, server):
        spec = "millrace-wide" if server == "millrace" else server
        return self.series(TOPICS, lambda n: self.brokers.measure_line(server, f"wild --count {n} --clients 1", spec))

    def idle(self, server):
        return self.series(IDLE, lambda n: self.brokers.measure_line(server, f"idle --conns {n}"))

    def channels(self, name):
        def measure(channels):
            with self.peers.start(name) as server:
                publish_once_each(server, channels)
                result = rtload(server, f"--pubs 64 --rate 3000 --channels {channels}", max(4, self.seconds), subscribe=False)
                return result

        return self.series(CHANNELS, measure)

    def rows(self, name):
        """The store is filled for so long; what it holds then is the last point."""
        with self.peers.start(name) as server:
            until, results = time.monotonic() + FILL_SECONDS, []
            for wanted in ROWS:
                reached = self.fill(server, wanted, until)
                rows = server["rows"]()
                result = rtload(server, "--pubs 64 --rate 2000 --channels 100", max(4, self.seconds), subscribe=False)
                results.append(dict(result, point=rows, history_ms=history_ms(server, "ch0")))
                if not reached:
                    break
            return results

    def fill(self, server, wanted, until):
        while server["rows"]() < wanted:
            if time.monotonic() > until:
                return False
            seconds = 0.2 if wanted <= 100_000 else 2
            rtload(server, "--pubs 16", seconds, subscribe=False, post=f"http://{server['at']}/v1/publish/batch",
                   body=batch_body(FILL_BATCH), warmup=0)
        return True


def rows(scale):
    return [
        Row("conns", "scale", ["mosquitto", "millrace"], scale.connections, "mqttload latency --pairs N/2 --qos 0 --rate 10000", postgres=False),
        Row("topics", "scale", ["mosquitto", "millrace"], scale.topics, "mqttload wild --count N --clients 1", once=True, postgres=False),
        Row("channels", "scale", ["millrace-sqlite", "millrace-pg"], scale.channels, "rtload run --pubs 64 --rate 3000 --channels N", once=True),
        Row("rows", "scale", ["millrace-sqlite", "millrace-pg"], scale.rows, "rtload run --pubs 64 --rate 2000 --channels 100", once=True),
        Row("memory", "scale", ["mosquitto", "millrace"], scale.idle, "mqttload idle --conns N", once=True, postgres=False),
    ]
