"""Reads build/bench/results and judges what was measured against the targets."""
import json
import statistics
from dataclasses import dataclass

# Any of these above zero: the server did not do what it was measured for.
DEFECTS = {
    "lost": "lost", "gaps": "out of order", "disorder": "out of order", "dups": "twice", "foreign": "misdelivered", "nacked": "refused",
    "unanswered": "unanswered", "closed": "connections closed", "dropped_subs": "subscribers dropped", "dropped": "connections dropped",
    "failed": "connections failed", "rows_missing": "acknowledged but not in the store", "rows_extra": "stored twice",
}


def value(line, field):
    """A figure of a line; "ws_us.p50" looks inside."""
    for part in field.split("."):
        line = line.get(part) if isinstance(line, dict) else None
    return line


class Results:
    """The lines of one file. Of a row that was measured again only the last run counts."""

    def __init__(self, lines):
        self.metas = [line for line in lines if line.get("meta")]
        measured = [line for line in lines if not line.get("meta")]
        last = {line["row"]: line["run"] for line in measured}
        self.lines = [line for line in measured if line["run"] == last[line["row"]]]

    @staticmethod
    def read(path):
        return Results([json.loads(line) for line in path.read_text().splitlines() if line.strip()])

    def meta(self, key, default=None):
        return next((m[key] for m in self.metas if key in m), default)

    def later_runs(self):
        """Runs after the first that measured something that still counts."""
        last = {line["run"] for line in self.lines}
        return [m for m in self.metas if "versions" in m and m["run"] in last and m["run"] != self.metas[0]["run"]]

    def command(self, row):
        return next((m["commands"][row] for m in reversed(self.metas) if row in m.get("commands", {})), "")

    def rows(self):
        return list(dict.fromkeys(line["row"] for line in self.lines))

    def of(self, row, server=None):
        return [line for line in self.lines if line["row"] == row and server in (None, line["server"])]

    def servers(self, row):
        return list(dict.fromkeys(line["server"] for line in self.of(row)))

    def figures(self, row, server, field, point=None):
        """The figure of each repeat that has one."""
        found = [value(l, field) for l in self.of(row, server) if point in (None, l.get("point"))]
        return [v for v in found if isinstance(v, (int, float))]

    def median(self, row, server, field, point=None):
        found = self.figures(row, server, field, point)
        return statistics.median(found) if found else None

    def points(self, row, server):
        return sorted({l["point"] for l in self.of(row, server) if "point" in l and "error" not in l})

    def wrong(self, row, server, point=None):
        """What the tools caught this server at, in words; empty when everything arrived once and in order."""
        counts = {}
        for line in self.of(row, server):
            if point not in (None, line.get("point")):
                continue
            for field, word in DEFECTS.items():
                if isinstance(line.get(field), (int, float)) and line[field] > 0:
                    counts[word] = counts.get(word, 0) + line[field]
            if "error" in line:
                counts[f"failed: {line['error']}"] = None
        return "; ".join(word if n is None else f"{n:,.0f} {word}" for word, n in counts.items())

    def noise(self):
        """CPUs that neither server nor generator used, in the median run of rtload."""
        found = [l["other_cpu"] for l in self.lines if "other_cpu" in l]
        return statistics.median(found) if found else None


@dataclass
class Judged:
    target: object
    ours: float | None
    theirs: float | None
    figure: float | None  # what is held against the bound
    low: float | None
    high: float | None
    verdict: str  # "met", "near", "not met", "wrong" or "not measured"
    wrong: str
    pace: float | None = None  # what the floor takes here for what it took where the bound was set


def judge(results, target):
    t = target
    ours = results.figures(t.row, t.server, t.field)
    theirs = results.figures(t.row, t.other, t.field) if t.other else []
    figures = per_repeat(results, t, ours, theirs)
    middle = statistics.median(figures) if figures else None
    if t.kind in ("less", "more", "cost") and ours and theirs:
        middle = compared(t.kind, statistics.median(ours), statistics.median(theirs))
    wrong = results.wrong(t.row, t.server)
    low, high = (min(figures), max(figures)) if figures else (None, None)
    return Judged(t, statistics.median(ours) if ours else None, statistics.median(theirs) if theirs else None, middle, low, high,
                  verdict(t, middle, low, high, wrong), wrong, pace(results, t))


def pace(results, t):
    floor = results.median(t.row, t.floor[0], t.field) if t.floor else None
    return floor / t.floor[1] if floor else None


def per_repeat(results, t, ours, theirs):
    if t.kind == "at most":
        return ours
    if t.kind == "flat":
        points = results.points(t.row, t.server)
        costs = [results.median(t.row, t.server, t.field, p) for p in points]
        costs = [c for c in costs if c]
        return [max(costs) / costs[0]] if len(costs) > 1 else []
    return [compared(t.kind, a, b) for a, b in zip(ours, theirs) if a and b]


def compared(kind, ours, theirs):
    return theirs / ours if kind == "less" else ours / theirs


def verdict(t, middle, low, high, wrong):
    if middle is None:
        return "wrong" if wrong else "not measured"
    if wrong:
        return "wrong"
    least = t.kind in ("less", "more")
    if (middle >= t.bound) if least else (middle <= t.bound):
        return "met"
    best = high if least else low
    return "near" if ((best >= t.bound) if least else (best <= t.bound)) else "not met"
