"""What was measured, and on what."""
import contextlib
import json
import os

from processes import first_line
from tools import BINARY, NODE_STACK, ROOT


def package(name):
    return first_line("dpkg-query", "-W", "-f=${Version}", name)


def machine():
    cpu = next((l.split(":", 1)[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "unknown CPU")
    memory = next(int(l.split()[1]) for l in open("/proc/meminfo") if l.startswith("MemTotal")) / 1024**2
    modules = {}
    for name in ("fastify", "pg", "aedes", "ws"):
        with contextlib.suppress(OSError, ValueError):
            modules[name] = json.loads((NODE_STACK / f"node_modules/{name}/package.json").read_text())["version"]
    return {
        "machine": {"CPU": cpu, "cores": os.cpu_count(), "memory": f"{memory:.0f} GiB", "kernel": os.uname().release,
                    "system": first_line("sh", "-c", ". /etc/os-release; echo $PRETTY_NAME"), "load at the start": f"{os.getloadavg()[0]:.2f}"},
        "versions": {
            "Millrace": f"{first_line(str(BINARY), 'version')[9:]}, commit {first_line('git', '-C', str(ROOT), 'describe', '--always', '--dirty')}",
            "Mosquitto": package("mosquitto"), "nginx": package("nginx"), "Nchan": package("libnginx-mod-nchan"), "wrk": package("wrk"),
            "PostgreSQL": first_line("psql", "--version").rsplit(") ", 1)[-1].split(" ")[0], "SQLite": package("libsqlite3-0"),
            "Node.js": first_line("node", "--version"), **modules,
        },
    }
