#!/usr/bin/env python3
"""Fails on what the rules of the code forbid: sizes, forbidden names, temporaries in co_await, notes to self, names.

    check_style.py ROOT           checks
    check_style.py ROOT --sizes   also prints the median and the longest functions of the product
"""

import re
import statistics
import sys
from pathlib import Path

from cpp_source import BLOCK, LAMBDA, LIST, Source
from source_tree import CPP_SUFFIXES, Finding, files, report

MAX_FUNCTION, MAX_FILE, MAX_HEADER = 70, 500, 250
TEXT_SUFFIXES = CPP_SUFFIXES + (
    ".md", ".py", ".txt", ".cmake", ".json", ".yaml", ".yml", ".sql", ".mjs", ".cjs", ".js", ".html", ".css", ".sh", ".service",
)
FOLDERS_OF_THE_MACHINE = ("/" + "work/", "/" + "farm/")

# (rule, pattern over the code without comments and strings, where it is allowed, what to do instead)
FORBIDDEN = [
    ("strand", r"\b(make_)?strand\b", (), "one thread per shard needs no strand"),
    ("use_awaitable", r"\buse_awaitable(_t)?\b", (), "use as_tuple(deferred)"),
    ("awaitable_operators", r"\bawaitable_operators\b", (), "set a deadline on the timer wheel"),
    ("mutex", r"\bstd::(recursive_|shared_|timed_)*mutex\b|\bpthread_mutex", ("core/guarded.h",), "use Guarded<T>"),
    ("thread_local", r"\bthread_local\b", ("core/",), "state belongs to a shard"),
]
FORBIDDEN_INCLUDES = [("awaitable_operators", r"asio/experimental/awaitable_operators"), ("strand", r"asio/.*strand\.hpp")]
MAY_SLEEP = ("tests/system/", "tests/support/postgres_server.cc")  # they wait for real processes
SLEEP = re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep|sleep)\b")
NOTE_TO_SELF = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
COMMENTED_OUT = re.compile(
    r"""^\s*(?:\#\s*(?:include|if|ifdef|ifndef|define|endif|pragma)\b
          | [{}]\s*;?\s*$
          | (?:\}\s*else|if|for|while|switch)\s*\(.*[{;]\s*$
          | (?:return|co_return|co_await|break|continue|auto|const|static|using|delete|throw)\b.*;\s*$
          | \w[\w:.<>,&*\s\[\]-]*(?:=|\().*;\s*$)""",
    re.VERBOSE,
)
FILE_NAME = re.compile(r"^[a-z0-9]+(_[a-z0-9]+)*\.(h|cc)$")


def check_sizes(path, source):
    lines = source.text.count("\n")
    limit = MAX_HEADER if path.endswith(".h") else MAX_FILE
    if lines > limit:
        yield Finding(path, limit + 1, "file-size", f"{lines} lines, at most {limit}")
    for function in source.functions:
        if function.lines > MAX_FUNCTION:
            text = f"{function.name} has {function.lines} lines, at most {MAX_FUNCTION}"
            yield Finding(path, function.first_line, "function-size", text)


def check_forbidden(path, source):
    code = _code_by_line(source)
    for number, line in code.items():
        for rule, pattern, allowed, instead in FORBIDDEN:
            if not path.startswith(allowed) and re.search(pattern, line):
                yield Finding(path, number, rule, instead)
        if path.startswith("tests/") and not path.startswith(MAY_SLEEP) and SLEEP.search(line):
            yield Finding(path, number, "sleep", "a test steps its clock, it does not wait")
        if path.endswith(".h") and not path.startswith("tests/") and re.search(r"\busing namespace\b", line):
            yield Finding(path, number, "using-namespace", "not in a header")
    for number, line in enumerate(source.text.splitlines(), 1):
        for rule, pattern in FORBIDDEN_INCLUDES:
            if re.match(r"\s*#\s*include\b.*" + pattern, line):
                yield Finding(path, number, rule, "not used here")


def _code_by_line(source):
    code = {}
    for token in source.tokens:
        if token.kind in ("word", "symbol", "number"):
            spaced = f" {token.text}" if token.kind != "symbol" else token.text
            code[token.line] = (code.get(token.line, "") + spaced).replace(":: ", "::")
    return code


def check_comments(path, source):
    for comment in source.comments:
        for offset, line in enumerate(comment.text.split("\n")):
            number = comment.line + offset
            if NOTE_TO_SELF.search(line):
                yield Finding(path, number, "note-to-self", "do it, or file it")
            if COMMENTED_OUT.match(re.sub(r"^\s*(///?|/\*\*?|\*(?!/))", "", line.removesuffix("*/"))):
                yield Finding(path, number, "commented-out", "version control remembers it")


def check_names(path, source):
    if not FILE_NAME.match(Path(path).name):
        yield Finding(path, 1, "file-name", "snake_case.h or snake_case.cc")
    if path.endswith(".h") and not re.search(r"^#pragma once$", source.text, re.MULTILINE):
        yield Finding(path, 1, "pragma-once", "every header begins with it")
    for member in source.members:
        constant = member.is_static and re.match(r"k[A-Z]", member.name)
        if member.access == "private" and not member.name.endswith("_") and not constant:
            yield Finding(path, member.line, "member-name", f"private member {member.name} does not end with _")


def check_co_await(path, source):
    """g++ 12 destroys some temporaries of a full expression with co_await twice: lambdas with captures, braced lists."""
    for index, token in enumerate(source.tokens):
        if token.kind == "word" and token.text == "co_await":
            for line, rule, text in _temporaries(source, index):
                yield Finding(path, line, rule, text)


def _temporaries(source, co_await):
    start, enclosing_lists = _expression_start(source, co_await)
    for line in enclosing_lists:
        yield line, "co-await-list", "braced list around co_await: name the awaited value on the line before"
    index = start
    while index < len(source.tokens):
        text = source.text_at(index)
        brace = source.braces.get(index)
        if text == ";" or (brace is not None and brace.kind == BLOCK):
            return
        if text == "[" and (body := source.lambda_body(index)) is not None:
            if source.match(index) > index + 1:
                yield source.tokens[index].line, "co-await-lambda", "lambda with captures: name it on the line before"
            index = source.match(body)
        elif brace is not None and brace.kind == LIST and not index < co_await < brace.close:
            yield source.tokens[index].line, "co-await-list", "braced list or aggregate: name it on the line before"
            index = brace.close
        elif text == "}":
            return
        index += 1


def _expression_start(source, index):
    """Where the full expression around index begins, and the lines of temporaries `Type{...}` that enclose it."""
    enclosing_lists = []
    index -= 1
    while index >= 0:
        text = source.text_at(index)
        if text == ";":
            break
        if text in (")", "]"):
            index = source.match(index)
        elif text == "}":
            opening = source.match(index)
            if opening not in source.braces or source.braces[opening].kind not in (LIST, LAMBDA):
                break
            index = opening
        elif text == "{":
            if source.braces[index].kind != LIST:
                break
            if not _initialises_variable(source, index):
                enclosing_lists.append(source.tokens[index].line)
        index -= 1
    return index + 1, enclosing_lists


def _initialises_variable(source, brace):
    """Whether the braces at brace are those of `Type name{...}`."""
    name = source.tokens[brace - 1]
    before = source.tokens[brace - 2] if brace >= 2 else None
    if name.kind != "word" or before is None:
        return False
    if before.kind == "word":
        return before.text not in ("return", "co_return", "co_await", "co_yield", "throw", "new", "else", "case")
    return before.text in (">", "&", "*")


def check_machine_paths(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        if any(folder in line for folder in FOLDERS_OF_THE_MACHINE):
            yield Finding(path, number, "machine-path", "a folder of one machine")


def check_cpp(path, source):
    for rule in (check_sizes, check_forbidden, check_comments, check_names, check_co_await):
        yield from rule(path, source)


def is_text(path):
    return path.endswith(TEXT_SUFFIXES) or "." not in Path(path).name


def check(root):
    findings = set()
    for path in filter(is_text, files(root)):
        text = Path(root, path).read_text(errors="replace")
        findings.update(check_machine_paths(path, text))
        if path.endswith(CPP_SUFFIXES):
            findings.update(check_cpp(path, Source(text)))
    return findings


def print_sizes(root):
    functions = []
    for path in files(root):
        if path.endswith(CPP_SUFFIXES) and not path.startswith("tests/"):
            functions += [(f.lines, path, f.name) for f in Source(Path(root, path).read_text()).functions]
    if functions:
        print(f"{len(functions)} functions, median {statistics.median(f[0] for f in functions)} lines; the longest:")
        for lines, path, name in sorted(functions, reverse=True)[:10]:
            print(f"  {lines:3}  {path}  {name}")


if __name__ == "__main__":
    if "--sizes" in sys.argv[2:]:
        print_sizes(sys.argv[1])
    sys.exit(report(check(sys.argv[1])))
