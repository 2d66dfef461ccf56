"""The files of the project, as the checks see them, and what a check reports."""

import os
from dataclasses import dataclass
from pathlib import Path

SKIPPED_FOLDERS = {"build", ".git", "node_modules", "millrace-data", "__pycache__", ".cache"}
SAMPLES = "tests/house/samples"
CPP_SUFFIXES = (".h", ".cc")


@dataclass(frozen=True, order=True)
class Finding:
    path: str
    line: int
    rule: str
    text: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.rule}: {self.text}"


def files(root):
    """Every file of the tree as a path relative to root, sorted; build output and the samples of these checks left out."""
    found = []
    for folder, subfolders, names in os.walk(root):
        relative = Path(folder).relative_to(root).as_posix()
        subfolders[:] = [name for name in subfolders if name not in SKIPPED_FOLDERS]
        if relative == SAMPLES:
            subfolders[:] = []
            continue
        found += [Path(relative, name).as_posix() for name in names]
    return sorted(found)


def cpp_files(root):
    return [path for path in files(root) if path.endswith(CPP_SUFFIXES)]


def report(findings):
    """Prints the findings; the exit status of a check."""
    for finding in sorted(findings):
        print(finding)
    print(f"{len(findings)} finding(s)")
    return 1 if findings else 0
