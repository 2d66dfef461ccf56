#!/usr/bin/env python3
"""Proves that bench/compare judges and reports as it should, and that its parts still fit together."""
import json
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent.parent / "bench"
sys.path.insert(0, str(BENCH))
import plots
import processes
import report
import rows_doors
import rows_mqtt
import rows_scale
import targets
from results import Results, judge
from targets import Target

META = {"meta": True, "run": "r1", "seconds": 3, "repeats": 3, "whole": True, "commands": {"pair0": "mqttload pair"}, "machine": {"cores": 2},
        "versions": {"Mosquitto": "2.0.11"}}


def measured(row, server, run="r1", repeat=0, group="mqtt", **figures):
    return {"row": row, "group": group, "server": server, "repeat": repeat, "run": run, **figures}


def pair0(ours, theirs, **more):
    lines = [measured("pair0", "millrace", repeat=i, cpu_s_per_M=v, **more) for i, v in enumerate(ours)]
    return [META, *lines, *(measured("pair0", "mosquitto", repeat=i, cpu_s_per_M=v) for i, v in enumerate(theirs))]


RATIO = Target("mqtt", "pair0", "pairs", "cpu_s_per_M", "millrace", "less", 20, "mosquitto")


class JudgeTest(unittest.TestCase):
    def verdict(self, lines, target=RATIO):
        return judge(Results(lines), target).verdict

    def test_ratio_of_medians(self):
        judged = judge(Results(pair0([0.4, 0.5, 9], [10, 10, 10])), RATIO)
        self.assertEqual((judged.figure, judged.verdict, judged.high), (20, "met", 25))

    def test_a_ratio_below_the_bound_is_near_only_if_a_single_run_reached_it(self):
        self.assertEqual(self.verdict(pair0([0.4, 0.6, 0.6], [10, 10, 10])), "near")
        self.assertEqual(self.verdict(pair0([0.6, 0.6, 0.6], [10, 10, 10])), "not met")

    def test_a_good_figure_with_a_lost_message_is_wrong(self):
        for defect in ("lost", "gaps", "dups", "disorder", "nacked", "rows_missing", "closed"):
            self.assertEqual(self.verdict(pair0([0.1], [10], **{defect: 1})), "wrong", defect)

    def test_a_failed_run_is_wrong_and_a_missing_one_not_measured(self):
        failed = [META, measured("pair0", "millrace", error="timeout"), measured("pair0", "mosquitto", cpu_s_per_M=9)]
        judged = judge(Results(failed), RATIO)
        self.assertEqual((judged.verdict, judged.wrong), ("wrong", "failed: timeout"))
        self.assertEqual(self.verdict([META]), "not measured")

    def test_bounds_from_above(self):
        at_most = Target("doors", "pair0", "", "cpu_s_per_M", "millrace", "at most", 0.5)
        self.assertEqual(self.verdict(pair0([0.5], [1]), at_most), "met")
        self.assertEqual(self.verdict(pair0([0.51, 0.51, 0.5], [1]), at_most), "near")
        cost = Target("shards", "pair0", "", "cpu_s_per_M", "millrace", "cost", 1.15, "mosquitto")
        self.assertEqual(self.verdict(pair0([1.1], [1]), cost), "met")
        self.assertEqual(self.verdict(pair0([1.2], [1]), cost), "not met")

    def test_flat_compares_the_dearest_point_with_the_first(self):
        flat = targets.flat("conns", "", "cpu_s_per_M", "millrace")
        lines = [measured("conns", "millrace", group="scale", point=p, cpu_s_per_M=c) for p, c in ((10, 20), (100, 21), (1000, 25), (10000, 20))]
        self.assertEqual(judge(Results([META, *lines]), flat).figure, 1.25)

    def test_a_row_measured_again_replaces_the_old_one(self):
        lines = pair0([0.4], [10], lost=3) + [measured("pair0", "millrace", run="r2", cpu_s_per_M=0.25), measured("pair0", "mosquitto", run="r2", cpu_s_per_M=10)]
        self.assertEqual(judge(Results(lines), RATIO).figure, 40)

    def test_a_bound_in_seconds_is_read_beside_the_floor(self):
        target = targets.door("B", "", "cpu", "millrace-pg", "at most", 26, floor=("floor", 12))
        lines = [META, measured("B", "millrace-pg", group="doors", cpu=30.0), measured("B", "floor", group="doors", cpu=18.0)]
        judged = judge(Results(lines), target)
        self.assertEqual((judged.verdict, judged.pace), ("not met", 1.5))
        self.assertIn("1.5 times", report.verdict(judged))
        lines[1]["cpu"] = 40.0
        self.assertNotIn("times", report.verdict(judge(Results(lines), target)))

    def test_nested_figures(self):
        lines = [META, measured("C", "millrace-pg", group="doors", ws_us={"p50": 500.0})]
        target = targets.door("C", "", "ws_us.p50", "millrace-pg", "at most", 600)
        self.assertEqual(judge(Results(lines), target).verdict, "met")


class ReportTest(unittest.TestCase):
    def lines(self):
        """A figure for every target, and some for what has none."""
        lines = [META]
        for t in targets.TARGETS:
            group = {"doors": "doors", "scale": "scale"}.get(t.table, "mqtt")
            for server in filter(None, (t.server, t.other)):
                top, _, rest = t.field.partition(".")
                for point in ((10, 1000) if t.kind == "flat" else (None,)):
                    more = {"point": point} if point else {}
                    lines.append(measured(t.row, server, group=group, **{top: {rest: 7.0} if rest else 7.0}, **more))
        return lines

    def write(self, lines):
        with tempfile.TemporaryDirectory() as root:
            path = Path(root, "r.jsonl")
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))
            written = report.write(path, Path(root))
            folder = written.parent
            return str(folder.relative_to(root)), written.read_text(), {p.name: p.read_text() for p in (folder / "benchmarks").iterdir()}

    def test_whole_runs_go_to_docs_and_others_do_not(self):
        self.assertEqual(self.write(self.lines())[0], "docs")
        self.assertEqual(self.write([dict(META, whole=False), *self.lines()[1:]])[0], "build/bench/report")

    def test_every_target_and_every_row_is_in_the_text(self):
        _, text, _ = self.write(self.lines())
        for target in targets.TARGETS:
            self.assertIn(target.what, text)
        for line in text.splitlines():
            if line.startswith("|"):
                self.assertTrue(line.endswith("|"), line)
        self.assertRegex(text, rf"\d+ of {len(targets.TARGETS)} met")

    def test_a_defect_is_named_where_the_figure_stands(self):
        lines = [dict(line, lost=2) if line.get("row") == "A" and line["server"] == "millrace-live" else line for line in self.lines()]
        _, text, _ = self.write(lines)
        self.assertIn("**wrong**: ", text)
        self.assertRegex(text, r"\| Millrace, live \|.*\d lost \|")

    def test_the_report_says_how_much_was_free_of_defects(self):
        lines = pair0([0.4], [10]) + [measured("pair1", "mosquitto", gaps=4)]
        _, text, _ = self.write(lines)
        self.assertIn("In 2 of 3 pairs of row and server", text)
        self.assertIn("- pair1, Mosquitto: 4 out of order", text)

    def test_rows_measured_again_are_named_with_their_build(self):
        again = dict(META, run="r2", whole=False, rows=["pair0"], versions={"Millrace": "0.2.0, commit abc"})
        folder, text, _ = self.write([*pair0([0.4], [10]), again, measured("pair0", "millrace", run="r2", cpu_s_per_M=0.3)])
        self.assertEqual(folder, "docs")
        self.assertIn("Measured again r2, Millrace 0.2.0, commit abc: pair0.", text)

    def test_a_failed_row_leaves_a_report(self):
        _, text, _ = self.write([META, measured("B", "millrace-pg", group="doors", error="did not start")])
        self.assertIn("failed: did not start", text)

    def test_plots_are_svg(self):
        _, text, drawn = self.write(self.lines())
        self.assertEqual(set(drawn), {"ratios.svg", "doors.svg", "scale.svg"})
        for name, svg in drawn.items():
            self.assertTrue(xml.etree.ElementTree.fromstring(svg).tag.endswith("svg"), name)
            self.assertIn(f"(benchmarks/{name})", text)

    def test_numbers(self):
        for value, shown in ((0.0674, "0.0674"), (19.96, "20"), (1234567.8, "1,234,568"), (0, "0"), (None, "–"), (7, "7"), (1.153, "1.15"), (200, "200")):
            self.assertEqual(plots.number(value), shown)
        self.assertEqual([plots.short(v) for v in (0, 10, 1000, 65535, 4_000_000)], ["0", "10", "1k", "65.5k", "4M"])


class PlanTest(unittest.TestCase):
    """The rows and the targets name the same things. The load tools are not needed for that."""

    class Tools:
        def scenario(self, key):
            return key

        def __getattr__(self, name):
            return lambda *args: []

    def rows(self):
        tools = self.Tools()
        return [*rows_mqtt.rows(tools), *rows_doors.rows(tools), *rows_scale.rows(tools)]

    def test_targets_compare_servers_that_are_measured(self):
        servers = {row.name: row.servers for row in self.rows()}
        for target in targets.TARGETS:
            self.assertIn(target.server, servers[target.row])
            self.assertTrue(not target.other or target.other in servers[target.row], target)

    def test_every_server_has_a_name_and_a_colour_and_every_other_row_columns(self):
        for row in self.rows():
            for server in row.servers:
                self.assertIn(server, targets.NAMES)
                self.assertIn(server, plots.COLOURS)
            if row.group != "mqtt":
                self.assertIn(row.name, targets.COLUMNS)
                self.assertIn(row.name, targets.TITLES)

    def test_a_batch_is_json_with_one_mark(self):
        body = rows_doors.batch_body(100)
        self.assertEqual(body.count("{payload}"), 1)
        self.assertEqual(len(json.loads(body)["messages"]), 100)

    def test_descendants(self):
        table = {1: (0, 0.0), 5: (1, 0.5), 6: (5, 0.25), 7: (1, 0.0)}
        self.assertEqual(set(processes.descendants(1, table)), {5, 6, 7})
        self.assertEqual(set(processes.descendants(5, table)), {6})

    def compare(self, *options):
        return subprocess.run([BENCH / "compare", *options], capture_output=True, text=True, env={**os.environ, "MILLRACE_BENCH_TOOLS": "/nowhere"})

    def test_the_command_explains_itself(self):
        done = self.compare("--help")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("--report-only", done.stdout)

    def test_without_the_load_tools_it_says_what_they_are_before_it_does_anything(self):
        done = self.compare()
        self.assertEqual(done.returncode, 1)
        self.assertIn("no load tools in /nowhere: it lacks mqttload/run_bench.py", done.stderr)
        self.assertIn("--tools FOLDER", done.stderr)

    def test_the_lock_of_the_node_stack_is_that_of_its_packages(self):
        asked, locked = (json.loads((BENCH / "node_stack" / name).read_text()) for name in ("package.json", "package-lock.json"))
        self.assertEqual(locked["packages"][""]["dependencies"], asked["dependencies"])
        for name, version in asked["dependencies"].items():
            self.assertEqual(locked["packages"][f"node_modules/{name}"]["version"], version)


if __name__ == "__main__":
    unittest.main()
