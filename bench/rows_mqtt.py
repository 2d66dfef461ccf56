"""The MQTT rows: the scenarios of run_bench.py, each against Mosquitto and against Millrace with one shard and with two."""
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Callable

from processes import LOAD_CPU, SERVER_CPU, BenchError
from tools import BINARY, BUILD

# In the order of the report. What does not count CPU per message has no case with two shards.
NAMES = ["fan8x8", "fanin50x1", "pair0", "pair1", "pair1v5", "pair2", "fanout1000", "wild100k", "retained100k", "offline60k", "big0",
         "storm", "lat0", "lat1", "idle10k", "idle10ksub"]
ONE_SHARD_ONLY = ("idle10k", "idle10ksub")


@dataclass
class Row:
    """A line of the plan: run(server) measures one server once and returns its results, one for each point of a series."""

    name: str
    group: str
    servers: list
    run: Callable
    command: str
    once: bool = False  # not repeated
    postgres: bool = True  # needs the cluster


class Brokers:
    """run_bench.py's way to measure a broker: a fresh process each time, on the server's CPU."""

    def __init__(self, tools, seconds):
        self.tool = tools.run_bench()
        self.args = SimpleNamespace(seconds=seconds, load=str(BUILD / "mqttload"), load_cpu=str(LOAD_CPU))
        given = tools.brokers()
        one = dict(given["millrace"], cmd=[str(BINARY), "serve", "--config", "{cfg}"])
        if "threads: 1\n" not in one["config"]:
            raise SystemExit("bench: Millrace's configuration in brokers.json does not say threads: 1")
        two = dict(one, config=one["config"].replace("threads: 1\n", "threads: 2\n"))
        wide = dict(one, config=one["config"] + "limits: {subscriptions_per_client: 1000000}\n")
        specs = {"mosquitto": given["mosquitto"], "millrace": one, "millrace-2": two, "millrace-wide": wide}
        self.specs = {name: dict(spec, cpus=str(SERVER_CPU)) for name, spec in specs.items()}

    def scenario(self, key):
        return self.tool.SCENARIOS[key]

    def measure(self, server, key, spec=None):
        result = self.tool.measure(self.args, server, self.specs[spec or server], key)
        if "error" in result:
            raise BenchError(result["error"])
        return {k: v for k, v in result.items() if k not in ("broker", "key", "label", "scenario")}

    def measure_line(self, server, line, spec=None):
        """A scenario that run_bench.py has no name for."""
        key = line.split()[0] + "-series"
        self.tool.SCENARIOS[key] = line
        return self.measure(server, key, spec)


def rows(brokers):
    made = []
    for name in NAMES:
        servers = ["mosquitto", "millrace"] + ([] if name in ONE_SHARD_ONLY else ["millrace-2"])
        made.append(Row(name, "mqtt", servers, lambda server, name=name: [brokers.measure(server, name)],
                        f"mqttload {brokers.scenario(name)}", postgres=False))
    return made
