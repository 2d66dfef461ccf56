#!/usr/bin/env python3
"""Fails on a header that does not compile by itself.

A header that some .cc includes first is proven by the build; the others are compiled here, two at a time. A folder
with a precompiled header proves nothing, because that header comes before the first include.

    check_headers.py ROOT COMPILER [FLAG...]
"""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from check_layers import includes
from source_tree import Finding, cpp_files, report


def has_precompiled_header(root, path):
    lists = Path(root, path).parent / "CMakeLists.txt"
    return lists.is_file() and ("PCH" in (text := lists.read_text()) or "target_precompile_headers" in text)


def unproven_headers(root):
    paths = cpp_files(root)
    proven = set()
    for path in paths:
        if path.endswith(".cc") and not has_precompiled_header(root, path):
            proven.update(name for _, name, angled in includes(root, path)[:1] if not angled)
    return [path for path in paths if path.endswith(".h") and path not in proven]


def compile_header(root, command, header):
    result = subprocess.run(
        [*command, "-std=c++20", "-fsyntax-only", "-w", "-x", "c++", "-I", str(root), header],
        cwd=root, capture_output=True, text=True, check=False,
    )
    if result.returncode == 0:
        return []
    print(result.stderr)
    return [Finding(header, 1, "header", "does not compile by itself")]


def check(root, command):
    headers = unproven_headers(root)
    with ThreadPoolExecutor(max_workers=2) as pool:
        results = pool.map(lambda header: compile_header(root, command, header), headers)
    print(f"compiled {len(headers)} header(s) that no .cc includes first")
    return [finding for result in results for finding in result]


if __name__ == "__main__":
    sys.exit(report(check(sys.argv[1], sys.argv[2:])))
