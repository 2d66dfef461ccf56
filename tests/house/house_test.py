#!/usr/bin/env python3
"""Proves that the checks of this folder fail on what they forbid and pass what is allowed."""

import re
import tempfile
import unittest
from pathlib import Path

import check_conformance
import check_headers
import check_layers
import check_style
from cpp_source import Source

SAMPLES = Path(__file__).parent / "samples"
_EXPECTED = re.compile(r"// expect-(next|line (\d+)): ([\w-]+)")


def style_findings(path, text):
    return {(f.line, f.rule) for f in check_style.check_cpp(path, Source(text))}


def expected_findings(text):
    expected = set()
    for number, line in enumerate(text.splitlines(), 1):
        if match := _EXPECTED.search(line):
            expected.add((int(match.group(2) or number + 1), match.group(3)))
    return expected


def function_of(lines):
    return "int f() {\n" + "    use();\n" * (lines - 2) + "}\n"


class StyleTest(unittest.TestCase):
    def test_good_samples_pass(self):
        for sample in sorted((SAMPLES / "style/good").iterdir()):
            with self.subTest(sample.name):
                self.assertEqual(style_findings(f"core/{sample.name}", sample.read_text()), set())

    def test_bad_samples_fail_on_exactly_the_marked_lines(self):
        for sample in sorted((SAMPLES / "style/bad").iterdir()):
            with self.subTest(sample.name):
                text = sample.read_text()
                self.assertTrue(expected_findings(text))
                self.assertEqual(style_findings(f"mqtt/{sample.name}", text), expected_findings(text))

    def test_function_length(self):
        self.assertEqual(style_findings("core/a.cc", function_of(70)), set())
        self.assertEqual(style_findings("core/a.cc", function_of(71)), {(1, "function-size")})

    def test_function_length_counts_its_lambdas_initialisers_and_signature(self):
        body = "        use();\n" * 66
        in_lambda = "int f() {\n    auto g = [](int a) {\n" + body + "    };\n    return g(1);\n}\n"
        self.assertEqual(style_findings("core/a.cc", in_lambda), {(1, "function-size")})
        constructor = "A::A(int a)\n    : a_{a},\n      b_(std::vector<int>{1}) {\n" + body + "    use();\n}\n"
        self.assertEqual(style_findings("core/a.cc", constructor), {(1, "function-size")})
        template = "template <typename T>\nauto f(T t) -> std::vector<T> {\n" + body + "    use();\n    use();\n}\n"
        self.assertEqual(style_findings("core/a.cc", template), {(1, "function-size")})

    def test_long_types_and_tables_are_no_functions(self):
        table = "const std::map<int, int> kTable = {\n" + "    {1, 2},\n" * 100 + "};\n"
        methods = "class A {\n  public:\n" + "    int f() { return 1; }\n" * 100 + "};\n"
        self.assertEqual(style_findings("core/a.cc", table + methods), set())

    def test_file_length(self):
        self.assertEqual(style_findings("core/a.cc", "int a;\n" * 500), set())
        self.assertEqual(style_findings("core/a.cc", "int a;\n" * 501), {(501, "file-size")})
        self.assertEqual(style_findings("core/a.h", "#pragma once\n" + "int a;\n" * 249), set())
        self.assertEqual(style_findings("core/a.h", "#pragma once\n" + "int a;\n" * 250), {(251, "file-size")})

    def test_exceptions_by_path(self):
        self.assertEqual(style_findings("core/guarded.h", "#pragma once\nstd::mutex mutex;\n"), set())
        self.assertEqual(style_findings("core/shard.cc", "thread_local int a;\n"), set())
        sleep = "void f() { std::this_thread::sleep_for(1ms); }\n"
        self.assertEqual(style_findings("tests/system/a_test.cc", sleep), set())
        self.assertEqual(style_findings("tests/core/a_test.cc", sleep), {(1, "sleep")})

    def test_machine_paths_in_any_text_file(self):
        with tempfile.TemporaryDirectory() as root:
            Path(root, "docs").mkdir()
            Path(root, "docs/a.md").write_text("fine\nsee /" + "work/main\n")
            Path(root, "docs/b.md").write_text("/" + "farm/x\n")
            Path(root, "script").write_text("a framework/here\n")
            found = {(f.path, f.line, f.rule) for f in check_style.check(root)}
        self.assertEqual(found, {("docs/a.md", 2, "machine-path"), ("docs/b.md", 1, "machine-path")})


class ParserTest(unittest.TestCase):
    def functions(self, text):
        return {f.name: f.lines for f in Source(text).functions}

    def test_names_and_lines(self):
        text = (SAMPLES / "style/good/session_sample.cc").read_text()
        functions = self.functions(text)
        self.assertEqual(
            set(functions), {"Session", "~Session", "operator", "size", "Session::run"}, "each function once, nothing else"
        )
        self.assertEqual(functions["Session"], 3)
        self.assertEqual(functions["operator"], 1)
        self.assertEqual(functions["Session::run"], 28)

    def test_private_members_of_a_class(self):
        text = (SAMPLES / "style/good/session_sample.cc").read_text()
        private = {m.name for m in Source(text).members if m.access == "private"}
        expected = {"kLimit", "count_", "first_", "second_", "rest_", "bytes_", "buffer_", "flag_", "head_", "callback_"}
        self.assertEqual(private, expected)

    def test_test_macros_try_blocks_and_requires(self):
        text = """
TEST(Suite, Name) {
    EXPECT_EQ(1, 1);
}
template <typename T> requires(sizeof(T) > 1)
void f(T t) {
}
template <typename T> void g(T t) requires requires(T u) { u.run(); } {
}
auto h = [] {
    return 1;
};
extern "C" { void i() {} }
int j(std::vector<int> v = {1, 2}) { return v[0]; }
"""
        self.assertEqual(self.functions(text), {"TEST": 3, "f": 3, "g": 2, "i": 1, "j": 1})


class LayersTest(unittest.TestCase):
    def test_good_tree_passes(self):
        self.assertEqual(check_layers.check(SAMPLES / "layers/good"), [])

    def test_bad_tree_fails_on_every_wrong_include(self):
        found = {(f.path, f.line, f.rule) for f in check_layers.check(SAMPLES / "layers/bad")}
        self.assertEqual(
            found,
            {
                ("core/message.h", 2, "own-include"),
                ("core/bytes.h", 1, "layer"),
                ("http/server.cc", 2, "layer"),
                ("http/server.cc", 3, "include-path"),
                ("http/server.cc", 4, "include-path"),
                ("store/log.cc", 1, "layer"),
                ("elsewhere/x.cc", 1, "layer"),
                ("bridge/frame.h", 1, "include-circle"),
            },
        )

    def test_circle_between_units(self):
        with tempfile.TemporaryDirectory() as root:
            Path(root, "cmake").mkdir()
            Path(root, "cmake/layers.txt").write_text("a: b\nb: c\nc: a\ntests: *\n")
            self.assertEqual([f.rule for f in check_layers.check(root)], ["layer-circle"])

    def test_bench_includes_everything_and_nobody_includes_bench(self):
        with tempfile.TemporaryDirectory() as root:
            for path, text in {
                "cmake/layers.txt": "core:\ntests: *\nbench: *\n",
                "core/a.h": "",
                "tests/b.cc": '#include "bench/micro/c.h"\n',
                "bench/micro/c.h": '#include "core/a.h"\n',
            }.items():
                Path(root, path).parent.mkdir(parents=True, exist_ok=True)
                Path(root, path).write_text(text)
            self.assertEqual([(f.path, f.rule) for f in check_layers.check(root)], [("tests/b.cc", "layer")])


class HeadersTest(unittest.TestCase):
    def check(self, tree):
        with tempfile.TemporaryDirectory() as root:
            for path, text in tree.items():
                Path(root, path).parent.mkdir(exist_ok=True)
                Path(root, path).write_text(text)
            return [f.path for f in check_headers.check(root, ["g++"])]

    def test_header_that_needs_another_fails(self):
        incomplete = "#pragma once\nstd::string name();\n"
        complete = "#pragma once\n#include <string>\nstd::string name();\n"
        self.assertEqual(self.check({"core/a.h": incomplete, "core/b.h": complete}), ["core/a.h"])

    def test_first_include_is_proof_unless_a_precompiled_header_comes_before(self):
        tree = {"core/a.h": "#pragma once\nunknown x;\n", "core/a.cc": '#include "core/a.h"\n'}
        self.assertEqual(self.check(tree), [])
        self.assertEqual(self.check(tree | {"core/CMakeLists.txt": "millrace_library(x PCH pch.h)"}), ["core/a.h"])


class ConformanceTest(unittest.TestCase):
    TREE = {
        "tests/house/mqtt_statements.txt": "# numbers\nMQTT 5.0\n1.5.4 1-2\n3.1.0 1\nMQTT 3.1.1\n1.5.3 1\n",
        "tests/a_test.cc": 'TEST_P(Bad, IsRefused) {}\nINSTANTIATE_TEST_SUITE_P(X, Bad, {"with_nul"});\n',
        "tests/a_test.py": "class AppTest(unittest.TestCase):\n    def test_it(self):\n        pass\n",
        "core/a.cc": "",
        "tests/system/differential/a.txt": "== a\n-- 5.0 mosquitto because strict\na: closed\n",
    }
    DIFFERENCES = "## Differences from Mosquitto\n\n| `strict` | ends | goes on | because |\n"
    ROWS = {
        "1.5.4-1": "| 1.5.4-1 | well formed | `core/a.cc` | `Bad/with_nul`, `Bad.IsRefused`, `AppTest.test_it` |",
        "1.5.4-2": "| 1.5.4-2 | without NUL | does not apply: because | – |",
        "client": "Only a client: more of\n3.1.0-1.",
        "1.5.3-1": "| 1.5.3-1 | well formed | `core/a.cc` | `Bad.IsRefused` |",
    }

    def findings(self, changed_rows=None, classes=30, differences=DIFFERENCES):
        row = self.ROWS | (changed_rows or {})
        five = "\n".join([row["1.5.4-1"], row["1.5.4-2"], "", row["client"]])
        tree = self.TREE | {
            "docs/conformance.md": f"# Table\n\n{differences}\n## MQTT 5.0\n{five}\n\n## MQTT 3.1.1\n{row['1.5.3-1']}\n",
            "docs/bug_classes.md": "".join(f"| {n} | class | `Bad.IsRefused` |\n" for n in range(1, classes + 1)),
        }
        with tempfile.TemporaryDirectory() as root:
            for path, text in tree.items():
                Path(root, path).parent.mkdir(parents=True, exist_ok=True)
                Path(root, path).write_text(text)
            return [f.text for f in check_conformance.check(root)]

    def test_a_whole_table_passes(self):
        self.assertEqual(self.findings(), [])

    def test_a_statement_that_is_missing_twice_there_or_unknown_fails(self):
        self.assertEqual(self.findings({"1.5.3-1": ""}), ["1.5.3-1 is missing"])
        self.assertEqual(self.findings({"client": "Only a client: 3.1.0-1, 1.5.4-2."}), ["1.5.4-2 stands 2 times"])
        self.assertEqual(self.findings({"client": "Only a client: 3.1.0-1, 9.9.9-1."}), ["9.9.9-1 does not exist"])
        self.assertEqual(self.findings(classes=29), ["30 is missing"])

    def test_a_difference_that_is_not_explained_or_not_named_fails(self):
        self.assertEqual(self.findings(differences=""), ["strict is not explained"])
        more = self.DIFFERENCES + "| `lax` | goes on | ends | because |\n"
        self.assertEqual(self.findings(differences=more), ["no scenario names lax"])

    def test_a_row_without_evidence_fails(self):
        for cells, fault in {
            "`core/a.cc` | `Bad.IsTaken`": "there is no Bad.IsTaken",
            "`core/a.cc` | `Bad/with_bom`": "there is no Bad/with_bom",
            "`core/b.cc` | `Bad.IsRefused`": "there is no core/b.cc",
            "`core/a.cc` | –": "no test",
            "everywhere | `Bad.IsRefused`": "neither a file nor a reason why there is none",
            "`core/a.cc`": "not four cells",
        }.items():
            with self.subTest(fault):
                self.assertEqual(self.findings({"1.5.4-2": f"| 1.5.4-2 | x | {cells} |"}), [f"1.5.4-2: {fault}"])


if __name__ == "__main__":
    unittest.main()
