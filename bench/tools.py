"""The load tools that everything is measured with. They are no part of this repository."""
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from processes import BenchError, say

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/bench"
BINARY = ROOT / "build/release/millrace"
NODE_STACK = BUILD / "node_stack"

COMPILED = {
    "mqttload": ("mqttload/mqttload.cpp", []),
    "rtload": ("rtload/rtload.cpp", []),
    "floor": ("rtload/peers/floor.cpp", []),
    "pglimit": ("pglimit/pglimit.cpp", ["-I/usr/include/postgresql", "-lpq"]),
    "sqlitelimit": ("pglimit/sqlitelimit.cpp", ["-lsqlite3"]),
}
READ = ["mqttload/run_bench.py", "mqttload/brokers.json", "rtload/peers/nchan.conf"]
MISSING = """bench: no load tools in {folder}: it lacks {missing}.
Loads and yardsticks are kept outside of this repository, so that they measure any server alike: mqttload (MQTT),
rtload with its floor server and Nchan's configuration (HTTP in, WebSocket out), pglimit and sqlitelimit (what a
commit costs). Get that folder, lay it beside the checkout as shared/tools or name it: bench/compare --tools FOLDER, or
MILLRACE_BENCH_TOOLS. They are compiled from there into build/bench."""


class LoadTools:
    """The folder of the load tools, and what is built from it in build/bench."""

    def __init__(self, folder):
        self.folder = Path(folder).resolve()

    def require(self):
        missing = [name for name in [*READ, *(source for source, _ in COMPILED.values())] if not (self.folder / name).exists()]
        if missing:
            sys.exit(MISSING.format(folder=self.folder, missing=", ".join(missing)))

    def prepare(self):
        self.require()
        BUILD.mkdir(parents=True, exist_ok=True)
        for name, (source, extra) in COMPILED.items():
            source, binary = self.folder / source, BUILD / name
            if not binary.exists() or binary.stat().st_mtime < source.stat().st_mtime:
                say(f"compiling {name}")
                subprocess.run(["g++", "-std=c++20", "-O2", "-o", binary, source, *extra], check=True)

    def run_bench(self):
        """The module run_bench.py: its scenarios, its broker and its measure() are used as they are."""
        spec = importlib.util.spec_from_file_location("run_bench", self.folder / "mqttload/run_bench.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def brokers(self):
        return json.loads((self.folder / "mqttload/brokers.json").read_text())

    def nchan_conf(self, **marks):
        text = (self.folder / "rtload/peers/nchan.conf").read_text()
        for mark, value in marks.items():
            text = text.replace(f"@{mark}@", str(value))
        if re.search("@[A-Z]+@", text):
            raise BenchError(f"nchan.conf asks for more than {', '.join(marks)}")
        return text


def install_node_stack():
    """Copied to build/bench, so that its packages do not lie in the source tree."""
    lock, stamp = ROOT / "bench/node_stack/package-lock.json", NODE_STACK / "node_modules/.installed-lock.json"
    shutil.copytree(lock.parent, NODE_STACK, dirs_exist_ok=True)
    if not stamp.exists() or stamp.read_bytes() != lock.read_bytes():
        say("installing the npm packages of bench/node_stack")
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=NODE_STACK, check=True)
        shutil.copyfile(lock, stamp)
