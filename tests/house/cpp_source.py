"""Reads C++ far enough to say what each brace opens: a namespace, a type, a function, a lambda, a block or a list."""

import re
from dataclasses import dataclass, field

NAMESPACE, TYPE, FUNCTION, LAMBDA, BLOCK, LIST = "namespace", "type", "function", "lambda", "block", "list"

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\f\v]+|\\\n)
      | (?P<newline>\n)
      | (?P<comment>//(?:\\\n|[^\n])*|/\*.*?\*/)
      | (?P<raw>(?:u8|[uUL])?R"(?P<delimiter>[^()\\\s]{0,16})\(.*?\)(?P=delimiter)")
      | (?P<string>(?:u8|[uUL])?"(?:\\.|[^"\\\n])*")
      | (?P<number>\.?\d(?:[eEpP][+-]|'[0-9a-zA-Z]|[0-9a-zA-Z_.])*)
      | (?P<character>(?:u8|[uUL])?'(?:\\.|[^'\\\n])+')
      | (?P<word>[A-Za-z_]\w*)
      | (?P<symbol>::|->|\.\.\.|.)""",
    re.VERBOSE | re.DOTALL,
)
_OPENERS = {"(": ")", "[": "]", "{": "}"}
_CLOSERS = {")", "]", "}"}
_BEFORE_LAMBDA = {"return", "co_return", "co_await", "co_yield", "case", "else", "do", "throw", "and", "or", "not"}
_TYPE_KEYS = {"class", "struct", "union", "enum"}
_WORDS_WITH_GROUP = {"alignas", "explicit", "noexcept", "decltype", "__attribute__", "requires"}


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    line: int


@dataclass(frozen=True)
class Comment:
    text: str
    line: int


@dataclass
class Brace:
    kind: str
    open: int  # index of the `{` token
    close: int
    head: list = field(default_factory=list)  # indices of the tokens of the declaration before it
    key: str = ""  # class, struct, union or enum, for a type


@dataclass(frozen=True)
class Function:
    name: str
    first_line: int
    last_line: int

    @property
    def lines(self):
        return self.last_line - self.first_line + 1


@dataclass(frozen=True)
class Member:
    name: str
    line: int
    access: str
    is_static: bool


class Source:
    """One file: its tokens without comments and preprocessor lines, its braces, functions and data members."""

    def __init__(self, text):
        self.text = text
        self.comments = []
        self.tokens = []
        self._tokenise(text)
        self._match = self._pair_brackets()
        self.braces = {}
        self.members = []
        self._scan_scope(0, len(self.tokens), None)
        self.functions = [self._function(brace) for brace in self.braces.values() if brace.kind == FUNCTION]

    def _tokenise(self, text):
        position, line, line_is_empty = 0, 1, True
        while position < len(text):
            if line_is_empty and (directive := re.compile(r"[ \t]*#(?:\\\n|/\*.*?\*/|[^\n])*", re.DOTALL).match(text, position)):
                line += directive.group().count("\n")
                position = directive.end()
                continue
            match = _TOKEN.match(text, position)
            kind, piece = match.lastgroup, match.group()
            if kind == "delimiter":
                kind = "raw"
            if kind == "comment":
                self.comments.append(Comment(piece, line))
            elif kind not in ("space", "newline"):
                self.tokens.append(Token("string" if kind == "raw" else kind, piece, line))
            if kind != "space":
                line_is_empty = kind == "newline"
            line += piece.count("\n")
            position = match.end()

    def _pair_brackets(self):
        match, stack = {}, []
        for index, token in enumerate(self.tokens):
            if token.kind != "symbol":
                continue
            if token.text in _OPENERS:
                stack.append(index)
            elif token.text in _CLOSERS and stack and _OPENERS[self.tokens[stack[-1]].text] == token.text:
                match[stack[-1]] = index
                match[index] = stack.pop()
        for index in stack:
            match[index] = len(self.tokens)
        return match

    def text_at(self, index):
        if 0 <= index < len(self.tokens) and self.tokens[index].kind in ("symbol", "word"):
            return self.tokens[index].text
        return ""

    def match(self, index):
        return self._match.get(index, len(self.tokens))

    def angle_end(self, index):
        """The index of the `>` that closes the template list opened at index, or None when it is a comparison."""
        depth = 0
        while index < len(self.tokens):
            text = self.text_at(index)
            if text == "<":
                depth += 1
            elif text == ">":
                depth -= 1
                if depth == 0:
                    return index
            elif text in ("(", "[", "{"):
                index = self.match(index)
            elif text in (";", ")", "]", "}"):
                return None
            index += 1
        return None

    # ---- scopes: namespaces and types -------------------------------------------------------------

    def _scan_scope(self, index, end, owner):
        access = "private" if owner is not None and owner.key == "class" else "public"
        head = []
        while index < end:
            text = self.text_at(index)
            if text == ";":
                self._note_members(head, owner, access)
                head = []
            elif text == "{":
                index, head = self._open_at_scope(index, head)
                continue
            elif text in ("(", "["):
                self._scan_body(index + 1, self.match(index), LIST)
                head.append(index)
                index = self.match(index)
            elif text == "<" and head and (self.tokens[head[-1]].kind == "word") and self.text_at(head[-1]) != "operator":
                closing = self.angle_end(index)
                if closing is not None:
                    head.append(index)
                    index = closing
                else:
                    head.append(index)
            elif text == ":" and len(head) == 1 and self.text_at(head[0]) in ("public", "protected", "private"):
                access, head = self.text_at(head[0]), []
            else:
                head.append(index)
            index += 1

    def _open_at_scope(self, index, head):
        """Handles the `{` at index; returns where to go on, and the head that goes on (after an initialiser)."""
        closing = self.match(index)
        kind, key = self._kind_at_scope(index, head)
        brace = Brace(kind, index, closing, list(head), key=key)
        self.braces[index] = brace
        if kind in (NAMESPACE, TYPE):
            if key != "enum":
                self._scan_scope(index + 1, closing, brace if kind == TYPE else None)
            # What follows a type up to `;` is a declarator; keeping the head would read it as a member's type.
            return closing + 1, ([] if kind == NAMESPACE else [head[0]] if head else [])
        self._scan_body(index + 1, closing, kind)
        return closing + 1, ([] if kind == FUNCTION else head + [index])

    def _kind_at_scope(self, index, head):
        words = self._without_decoration(head)
        texts = [self.text_at(i) for i in words]
        if "namespace" in texts or (texts[:1] == ["extern"] and len(words) == 2 and self.tokens[words[1]].kind == "string"):
            return NAMESPACE, ""
        while texts[:1] and texts[0] in ("typedef", "static", "inline", "constexpr", "const", "friend"):
            texts.pop(0)
        if texts[:1] and texts[0] in _TYPE_KEYS and "(" not in texts:
            return TYPE, texts[0]
        if not self._is_function_head(words):
            return LIST, ""
        before = self.text_at(index - 1)
        if self._in_initialiser_list(words) and before not in (")", "}", "...", "try"):
            return LIST, ""
        if self.text_at(index - 1) == "requires" or self._is_requires_expression(index):
            return LIST, ""
        return FUNCTION, ""

    def _is_requires_expression(self, index):
        if self.text_at(index - 1) != ")":
            return False
        opening = self.match(index - 1)
        return self.text_at(opening - 1) == "requires" and self.text_at(opening - 2) in ("requires", "=", "&", "|", "!")

    def _without_decoration(self, head):
        """The head without attributes, `template <...>` and words such as alignas(...)."""
        kept, skip_next_group, skip_angle = [], False, False
        for i in head:
            text = self.text_at(i)
            if text == "[" and self.text_at(i + 1) == "[":
                continue
            if skip_angle and text == "<":
                skip_angle = False
                continue
            if skip_next_group and text == "(":
                skip_next_group = False
                continue
            skip_next_group = text in _WORDS_WITH_GROUP
            skip_angle = text == "template"
            if not skip_next_group and not skip_angle:
                kept.append(i)
        return kept

    def _is_function_head(self, words):
        for position, i in enumerate(words):
            text = self.text_at(i)
            if text == "operator":
                return any(self.text_at(j) == "(" for j in words[position:])
            if text == "=":
                return False
            if text == "(":
                return position > 0
        return False

    def _in_initialiser_list(self, words):
        seen_parameters = False
        for i in words:
            text = self.text_at(i)
            seen_parameters = seen_parameters or text == "("
            if text == ":" and seen_parameters:
                return True
        return False

    # ---- bodies: statements and expressions --------------------------------------------------------

    def _scan_body(self, index, end, parent):
        lambda_bodies = set()
        while index < end:
            text = self.text_at(index)
            if text == "[":
                body = self.lambda_body(index)
                if body is not None:
                    lambda_bodies.add(body)
            elif text == "{":
                kind = LAMBDA if index in lambda_bodies else self._kind_in_body(index, parent)
                self.braces[index] = Brace(kind, index, self.match(index))
                if kind == TYPE:
                    self._scan_scope(index + 1, self.match(index), None)
                    index = self.match(index)
                else:
                    self._scan_body(index + 1, self.match(index), kind)
                    index = self.match(index)
            index += 1

    def _kind_in_body(self, index, parent):
        before = self.text_at(index - 1)
        if parent == LIST and before != ")":
            return LIST
        start = index - 1
        while start >= 0 and self.text_at(start) not in (";", "{", "}", "(", ")", "="):
            start -= 1
        if self.text_at(start + 1) in _TYPE_KEYS or (self.text_at(start + 1) == "static" and self.text_at(start + 2) in _TYPE_KEYS):
            return TYPE
        if before in (";", "{", "}", ")", ":", "else", "do", "try"):
            if before == "}" and parent == LIST:
                return LIST
            return BLOCK
        return LIST

    def lambda_body(self, index):
        """The index of the `{` of the lambda whose introducer stands at index, or None when `[` is no introducer."""
        previous = index - 1
        text = self.text_at(previous)
        if self.text_at(index + 1) == "[" or text == "[":
            return None
        if previous >= 0 and self.tokens[previous].kind in ("string", "number", "character"):
            return None
        if text in (")", "]") or (previous >= 0 and self.tokens[previous].kind == "word" and text not in _BEFORE_LAMBDA):
            return None
        while text == "&":
            previous -= 1
            text = self.text_at(previous)
            if text == "auto":
                return None
        position = self.match(index) + 1
        while position < len(self.tokens):
            text = self.text_at(position)
            if text == "{":
                return position
            if text == "<":
                closing = self.angle_end(position)
                if closing is None:
                    return None
                position = closing
            elif text in ("(", "["):
                position = self.match(position)
            elif text in (";", ",", ")", "]", "}", "="):
                return None
            position += 1
        return None

    # ---- what the rules ask for ---------------------------------------------------------------------

    def _function(self, brace):
        first = brace.head[0]
        name = "?"
        for i in self._without_decoration(brace.head):
            if self.text_at(i) == "(":
                break
            if self.tokens[i].kind == "word" or self.text_at(i) in ("::", "~"):
                joined = name.endswith(("::", "~")) or self.text_at(i) == "::"
                name = name + self.text_at(i) if joined else self.text_at(i)
        closing = min(brace.close, len(self.tokens) - 1)
        return Function(name, self.tokens[first].line, self.tokens[closing].line)

    def _note_members(self, head, owner, access):
        if owner is None or not head:
            return
        words = self._without_decoration(head)
        texts = [self.text_at(i) for i in words]
        if not words or set(texts) & {"using", "friend", "typedef", "operator", "static_assert"} or texts[0] in _TYPE_KEYS:
            return
        before_value = texts.index("=") if "=" in texts else len(texts)
        if "(" in texts[:before_value]:
            return
        declarators, current = [], []
        for i in words:
            if self.text_at(i) == ",":
                declarators.append(current)
                current = []
            else:
                current.append(i)
        for declarator in declarators + [current]:
            name = self._declared_name(declarator)
            if name is not None:
                token = self.tokens[name]
                self.members.append(Member(token.text, token.line, access, "static" in texts))

    def _declared_name(self, declarator):
        name = None
        for i in declarator:
            if self.text_at(i) in ("=", "{", "[", ":"):
                break
            if self.tokens[i].kind == "word":
                name = i
        return name
