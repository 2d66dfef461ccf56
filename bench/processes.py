"""Starting, pinning, accounting and ending processes.

A server is a context manager; leaving it ends the process. What an interrupted run leaves behind, end_descendants()
ends: only processes that this one has started.
"""
import contextlib
import ctypes
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LIBC = ctypes.CDLL(None, use_errno=True)
CPUS = sorted(os.sched_getaffinity(0))
SERVER_CPU, LOAD_CPU = CPUS[0], CPUS[-1]


class BenchError(Exception):
    """One measurement failed; the others go on."""

    def __init__(self, text):
        super().__init__(" ".join(text.split())[:300])


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def become_parent_of_all():
    """What a child leaves behind becomes ours to end; and as many open files as it takes to hold 10,000 connections."""
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < 11_000:
        say(f"only {hard} files may be open: rows with 10,000 connections will fail")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def process_table():
    """pid -> (parent, CPU seconds)."""
    table = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, IndexError):
                fields = Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()
                table[int(entry)] = int(fields[1]), sum(map(int, fields[11:13])) / TICK
    return table


def descendants(pid, table):
    found, todo = [], [pid]
    while todo:
        parent = todo.pop()
        children = [child for child, (its_parent, _) in table.items() if its_parent == parent]
        found += children
        todo += children
    return found


def cpu_seconds(pid):
    table = process_table()
    return sum(table[p][1] for p in [pid, *descendants(pid, table)] if p in table)


def end_descendants():
    for sent in (signal.SIGTERM, signal.SIGKILL):
        for pid in descendants(os.getpid(), process_table()):
            with contextlib.suppress(OSError):
                os.kill(pid, sent)
        until = time.monotonic() + 5
        while time.monotonic() < until and living_children():
            time.sleep(0.05)


def living_children():
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        return False
    return True


def dies_with_us():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def stop(process, how=signal.SIGTERM):
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def pinned(cpu, argv):
    return ["taskset", "-c", str(cpu), *map(str, argv)]


@contextlib.contextmanager
def running(argv, port, *, log, env=None, cwd=None, how=signal.SIGTERM):
    with open(log, "ab") as output:
        process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=cwd,
                                   env={**os.environ, **(env or {})}, preexec_fn=dies_with_us)
    try:
        wait_for_port(process, port, log)
        yield process
        if process.poll() is not None:
            raise BenchError(f"{process.args[0]} died with status {process.returncode}: {tail(log)}")
    finally:
        stop(process, how)


def wait_for_port(process, port, log):
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.02)
    raise BenchError(f"{' '.join(process.args)[:100]} did not start: {tail(log)}")


def tail(path):
    lines = Path(path).read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no output"


def output_of(argv, timeout):
    """What a load tool prints; it runs on the generator's CPU."""
    process = subprocess.Popen(pinned(LOAD_CPU, argv), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=dies_with_us)
    name = Path(argv[0]).name
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired as e:
        raise BenchError(f"{name}: no result within {timeout:.0f} s") from e
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    if process.returncode != 0 or not out.strip():
        raise BenchError(f"{name}: {(err.strip().splitlines() or ['no output'])[-1]}")
    return out


def first_line(*argv, mark=""):
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return "not found"
    lines = [line.strip() for line in done.stdout.splitlines() if mark in line]
    return lines[0] if lines else "unknown"
