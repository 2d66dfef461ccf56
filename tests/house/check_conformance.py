#!/usr/bin/env python3
"""Fails when docs/conformance.md or docs/bug_classes.md promise what is not there.

Every statement of tests/house/mqtt_statements.txt stands exactly once in the table of its specification, or in the
paragraph of those that bind a client only; every bug class from 1 to 30 stands once in the other table. A row names
tests that exist, or says why there is none. `Suite.Name` is a test, `Suite/case` one case of a parametrised suite.

    check_conformance.py ROOT
"""

import re
import sys
from collections import Counter
from pathlib import Path

from source_tree import Finding, files, report

CONFORMANCE = "docs/conformance.md"
BUG_CLASSES = "docs/bug_classes.md"
DIFFERENCES = "Differences from Mosquitto"
SCENARIOS = "tests/system/differential"
STATEMENTS = "tests/house/mqtt_statements.txt"
EXCUSES = ("does not apply: ", "open: ")

_NUMBER = re.compile(r"\b\d+\.\d+\.\d+-\d+\b")
_CPP_TEST = re.compile(r"^TEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)", re.MULTILINE)
_PYTHON_TEST = re.compile(r"^class (\w+)\(|^    def (test_\w+)\(", re.MULTILINE)
_NAME = re.compile(r'"([A-Za-z]\w*)"')


def statements(root):
    """The numbers of each specification."""
    found, numbers = {}, None
    for line in Path(root, STATEMENTS).read_text().splitlines():
        if line.startswith("MQTT "):
            numbers = found.setdefault(line, [])
        elif line and not line.startswith("#"):
            section, _, counts = line.partition(" ")
            first, _, last = counts.partition("-")
            numbers += [f"{section}-{n}" for n in range(int(first), int(last or first) + 1)]
    return found


def known_tests(root):
    """Suite.Name of every test, and Suite/case for the names in a file with parametrised tests."""
    known = set()
    for path in files(root):
        if not path.startswith("tests/") or not path.endswith((".cc", ".py")):
            continue
        text = Path(root, path).read_text()
        if path.endswith(".py"):
            suite = ""
            for match in _PYTHON_TEST.finditer(text):
                suite = match.group(1) or suite
                if match.group(2):
                    known.add(f"{suite}.{match.group(2)}")
            continue
        tests = _CPP_TEST.findall(text)
        known.update(f"{suite}.{name}" for suite, name in tests)
        if "INSTANTIATE_TEST_SUITE_P" in text:
            names = _NAME.findall(text)
            known.update(f"{suite}/{name}" for suite, _ in tests for name in names)
    return known


def rows(lines):
    """Line number and cells of each row whose first cell begins with a digit."""
    for number, line in lines:
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if line.startswith("| ") and cells and cells[0][:1].isdigit():
            yield number, cells


def sections(text):
    """Heading to numbered lines."""
    found, lines = {}, []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("## "):
            lines = found.setdefault(line[3:], [])
        lines.append((number, line))
    return found


def client_only(lines):
    inside, found = False, []
    for _, line in lines:
        inside = line.startswith("Only a client:") or (inside and line != "")
        if inside:
            found += _NUMBER.findall(line)
    return found


def fault_of_row(root, evidence, tests, known):
    """What is wrong with the cells about where and by what; all names in them are quoted."""
    if evidence.startswith(EXCUSES):
        return ""
    paths = re.findall(r"`([^`]+)`", evidence)
    names = re.findall(r"`([^`]+)`", tests)
    if not paths:
        return "neither a file nor a reason why there is none"
    if not names:
        return "no test"
    missing = [path for path in paths if not Path(root, path).is_file()] + [n for n in names if n not in known]
    return "there is no " + ", ".join(missing) if missing else ""


def check_counts(path, expected, found):
    findings = []
    for number, count in (Counter(found) | Counter(dict.fromkeys(expected, 0))).items():
        if number not in expected:
            findings.append(Finding(path, 1, "statement", f"{number} does not exist"))
        elif count > 1:
            findings.append(Finding(path, 1, "statement", f"{number} stands {count} times"))
    findings += [Finding(path, 1, "statement", f"{n} is missing") for n in expected if n not in set(found)]
    return findings


def check_conformance(root, known):
    findings = []
    tables = sections(Path(root, CONFORMANCE).read_text())
    for specification, expected in statements(root).items():
        lines = tables.get(specification, [])
        found = client_only(lines)
        for number, cells in rows(lines):
            found.append(cells[0])
            fault = fault_of_row(root, cells[2], cells[3], known) if len(cells) == 4 else "not four cells"
            if fault:
                findings.append(Finding(CONFORMANCE, number, "evidence", f"{cells[0]}: {fault}"))
        findings += check_counts(f"{CONFORMANCE} ({specification})", expected, found)
    return findings


def check_bug_classes(root, known):
    findings, found = [], []
    for number, cells in rows(enumerate(Path(root, BUG_CLASSES).read_text().splitlines(), 1)):
        found.append(cells[0])
        names = re.findall(r"`([^`]+)`", cells[2]) if len(cells) == 3 else []
        missing = [name for name in names if name not in known]
        if missing or (not names and not cells[-1].startswith(EXCUSES)):
            fault = "there is no " + ", ".join(missing) if missing else "no test"
            findings.append(Finding(BUG_CLASSES, number, "evidence", f"{cells[0]}: {fault}"))
    return findings + check_counts(BUG_CLASSES, [str(n) for n in range(1, 31)], found)


def check_differences(root):
    lines = sections(Path(root, CONFORMANCE).read_text()).get(DIFFERENCES, [])
    explained = {m.group(1) for _, line in lines if (m := re.match(r"\| `([a-z-]+)` \|", line))}
    named = set()
    for path in Path(root, SCENARIOS).glob("*.txt"):
        named |= set(re.findall(r"^-- .* mosquitto because (.+)$", path.read_text(), re.MULTILINE))
    findings = [Finding(CONFORMANCE, 1, "difference", f"{name} is not explained") for name in sorted(named - explained)]
    return findings + [Finding(CONFORMANCE, 1, "difference", f"no scenario names {name}") for name in sorted(explained - named)]


def check(root):
    known = known_tests(root)
    return check_conformance(root, known) + check_bug_classes(root, known) + check_differences(root)


if __name__ == "__main__":
    sys.exit(report(check(sys.argv[1])))
