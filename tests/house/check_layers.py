#!/usr/bin/env python3
"""Fails on an include that goes along no arrow of cmake/layers.txt, on one that does not start at the root, and on circles."""

import re
import sys
from pathlib import Path

from source_tree import Finding, cpp_files, report

LAYERS = "cmake/layers.txt"
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^">]+)[">]', re.MULTILINE)


def read_layers(root):
    """unit -> set of the units it may include."""
    arrows = {}
    for line in Path(root, LAYERS).read_text().splitlines():
        line = line.split("#")[0].strip()
        if line:
            unit, _, targets = line.partition(":")
            arrows[unit.strip()] = set(targets.split())
    for unit, targets in arrows.items():
        if "*" in targets:
            arrows[unit] = set(arrows) - {"bench"}
    return arrows


def unit_of(path, arrows):
    """The unit with the longest folder name that holds path, or None."""
    holding = [unit for unit in arrows if path.startswith(unit + "/")]
    return max(holding, key=len, default=None)


def includes(root, path):
    """(line, written name, in angle brackets) of each include of the file."""
    text = Path(root, path).read_text(errors="replace")
    return [(text.count("\n", 0, m.start(2)) + 1, m.group(2), m.group(1) == "<") for m in _INCLUDE.finditer(text)]


def find_circle(graph):
    """One circle of the graph as a list of nodes, or an empty list."""
    done, path = set(), []

    def visit(node):
        if node in path:
            return path[path.index(node):] + [node]
        if node in done:
            return []
        path.append(node)
        for following in sorted(graph.get(node, ())):
            if circle := visit(following):
                return circle
        path.pop()
        done.add(node)
        return []

    for node in sorted(graph):
        if circle := visit(node):
            return circle
    return []


def check_include(root, path, line, name, angled, arrows):
    exists = Path(root, name).is_file() or Path(root, name + ".in").is_file()
    target = unit_of(name, arrows)
    if angled:
        if target is not None and exists:
            yield Finding(path, line, "own-include", f"<{name}> is ours: write it in quotes")
        return
    if not exists or ".." in name.split("/"):
        yield Finding(path, line, "include-path", f'"{name}" is no file counted from the root')
        return
    unit = unit_of(path, arrows)
    if unit != target and target not in arrows.get(unit, ()):
        yield Finding(path, line, "layer", f'{unit} may not include {target} ("{name}")')


def check(root):
    arrows = read_layers(root)
    findings, files = [], {}
    if circle := find_circle({u: t for u, t in arrows.items() if u not in ("tests", "bench")}):
        findings.append(Finding(LAYERS, 1, "layer-circle", " -> ".join(circle)))
    for path in cpp_files(root):
        if unit_of(path, arrows) is None:
            findings.append(Finding(path, 1, "layer", f"its folder is not named in {LAYERS}"))
            continue
        files[path] = set()
        for line, name, angled in includes(root, path):
            findings += check_include(root, path, line, name, angled, arrows)
            if not angled:
                files[path].add(name)
    if circle := find_circle(files):
        findings.append(Finding(circle[0], 1, "include-circle", " -> ".join(circle)))
    return findings


if __name__ == "__main__":
    sys.exit(report(check(sys.argv[1])))
