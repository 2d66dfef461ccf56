"""Millrace, the servers it is compared with, and a PostgreSQL of our own. Each is a context manager that yields how to reach it."""
import contextlib
import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

from processes import SERVER_CPU, BenchError, free_port, pinned, running, tail
from tools import BINARY, BUILD, NODE_STACK

JOIN = '{"action":"join","options":{"channel":"{channel}"},"payload":{"history":false,"presence":false}}'
BODY = '{"channel":"{channel}","data":{"text":"{payload}"}}'


class Postgres:
    """A cluster with stock settings (so with fsync) in a folder of its own; each server gets a fresh database."""

    def __init__(self, folder):
        self.port = free_port()
        self.bin = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: float(p.parent.name))[-1]
        self.folder = Path(folder) / "pg"
        self.folder.mkdir()
        self.as_user = []
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chmod(folder, 0o755)
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.as_user = ["setpriv", "--reuid=postgres", f"--regid={user.pw_gid}", "--clear-groups", "--pdeathsig=INT"]
        self.databases = 0

    @contextlib.contextmanager
    def cluster(self):
        data, log = self.folder / "data", self.folder.parent / "pg.log"
        subprocess.run([*self.as_user, self.bin / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-locale", "-E", "UTF8"],
                       check=True, stdout=subprocess.DEVNULL, cwd="/", timeout=120)
        argv = [*self.as_user, self.bin / "postgres", "-D", data, "-p", self.port, "-c", f"unix_socket_directories={self.folder}",
                "-c", "listen_addresses=127.0.0.1"]
        with running(argv, self.port, log=log, cwd="/", how=signal.SIGINT) as process:
            self.pid = process.pid
            until = time.monotonic() + 20
            while not self.sql("select 1", must=False):
                if time.monotonic() > until:
                    raise BenchError(f"PostgreSQL does not answer: {tail(log)}")
                time.sleep(0.1)
            if self.sql("show fsync") != "on":
                raise BenchError("PostgreSQL runs without fsync: its figures would mean nothing")
            yield self

    def sql(self, text, database="postgres", must=True):
        done = subprocess.run([self.bin / "psql", "-h", self.folder, "-p", str(self.port), "-U", "postgres", "-XAtqc", text, database],
                              capture_output=True, text=True, timeout=120)
        if must and done.returncode != 0:
            raise BenchError(f"psql: {done.stderr}")
        return done.stdout.strip()

    @contextlib.contextmanager
    def database(self):
        self.databases += 1
        name = f"bench{self.databases}"
        self.sql(f"create database {name}")
        self.sql("checkpoint")
        try:
            yield name
        finally:
            self.sql(f"drop database if exists {name} with (force)", must=False)

    def url(self, database):
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"


class Peers:
    """Starts servers for rtload, on the server's CPU; PostgreSQL runs where the kernel puts it. What each yields: pid (for
    --pid), root (the pid whose tree works), post, ws, and where they apply join, ack, get (a URL for wrk), at (host and
    port), rows (how many rows are committed)."""

    def __init__(self, scratch, postgres, tools):
        self.scratch, self.postgres, self.tools = Path(scratch), postgres, tools

    @contextlib.contextmanager
    def fresh(self):
        folder = tempfile.mkdtemp(dir=self.scratch)
        try:
            yield Path(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def millrace(self, store, live=False, threads=1):
        """store: "sqlite" or "pg". Two threads may use all CPUs, one is pinned."""
        with contextlib.ExitStack() as stack:
            folder, port = stack.enter_context(self.fresh()), free_port()
            if store == "pg":
                database = stack.enter_context(self.postgres.database())
                url, more = self.postgres.url(database), f",pg={self.postgres.pid}+"
                rows = lambda: int(self.postgres.sql("select count(*) from millrace.messages", database))
            else:
                url, more = f"sqlite:{folder}/bench.db", ""
                rows = lambda: sqlite_rows(folder / "bench.db")
            config = folder / "millrace.yaml"
            config.write_text(f"listeners: ['http://127.0.0.1:{port}']\nthreads: {threads}\nstore: {{url: '{url}'}}\nauth: {{anonymous: true}}\n"
                              f"log: {{level: warn}}\nchannels:\n  - {{match: '#', store: {'false' if live else 'true'}}}\n")
            argv = [BINARY, "serve", "--config", config]
            process = stack.enter_context(running(pinned(SERVER_CPU, argv) if threads == 1 else argv, port, log=folder / "log"))
            at = f"127.0.0.1:{port}"
            yield dict(pid=f"millrace={process.pid}{more}", root=process.pid, post=f"http://{at}/v1/publish", at=at, ws=f"ws://{at}/rt/default",
                       join=JOIN, ack='"join"', get=f"http://{at}/healthz", rows=None if live else rows)

    @contextlib.contextmanager
    def floor(self, *mode):
        port = free_port()
        with running(pinned(SERVER_CPU, [BUILD / "floor", port, *mode]), port, log=self.scratch / "floor.log") as process:
            at = f"127.0.0.1:{port}/x/{{channel}}"
            yield dict(pid=f"floor={process.pid}", root=process.pid, post=f"http://{at}", ws=f"ws://{at}")

    @contextlib.contextmanager
    def nchan(self):
        with self.fresh() as folder:
            port, conf = free_port(), folder / "nginx.conf"
            conf.write_text(self.tools.nchan_conf(WORKERS=1, PORT=port, DIR=folder))
            with running(pinned(SERVER_CPU, ["nginx", "-p", folder, "-c", conf]), port, log=folder / "log") as process:
                time.sleep(0.3)  # its worker comes after the port
                at = f"127.0.0.1:{port}"
                yield dict(pid=f"nginx={process.pid}+", root=process.pid, post=f"http://{at}/pub/{{channel}}", ws=f"ws://{at}/sub/{{channel}}",
                           get=f"http://{at}/ok")

    @contextlib.contextmanager
    def node(self, store):
        """store: "pg" or "none"."""
        with contextlib.ExitStack() as stack:
            port, more = free_port(), ""
            env = {"PORT": str(port), "MQTT_PORT": str(free_port()), "NODE_ENV": "production"}
            if store == "pg":
                env["DATABASE_URL"] = self.postgres.url(stack.enter_context(self.postgres.database()))
                more = f",pg={self.postgres.pid}+"
            argv = pinned(SERVER_CPU, ["node", "server.mjs"])
            process = stack.enter_context(running(argv, port, log=self.scratch / "node.log", env=env, cwd=NODE_STACK))
            at = f"127.0.0.1:{port}"
            yield dict(pid=f"node={process.pid}{more}", root=process.pid, post=f"http://{at}/channels/{{channel}}", ws=f"ws://{at}/rt",
                       join=JOIN, ack='"action":"join"')

    def start(self, name):
        return {
            "millrace-live": lambda: self.millrace("sqlite", live=True),
            "millrace-sqlite": lambda: self.millrace("sqlite"),
            "millrace-pg": lambda: self.millrace("pg"),
            "millrace-2-live": lambda: self.millrace("sqlite", live=True, threads=2),
            "millrace-2-sqlite": lambda: self.millrace("sqlite", threads=2),
            "millrace-2-pg": lambda: self.millrace("pg", threads=2),
            "floor": self.floor,
            "floor-batch": lambda: self.floor("batch"),
            "nchan": self.nchan,
            "node-pg": lambda: self.node("pg"),
            "node-live": lambda: self.node("none"),
        }[name]()


def sqlite_rows(path):
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as db:
        return db.execute("select count(*) from messages").fetchone()[0]
