"""A parser that reads just enough of a SQL text to serve it over HTTP.

The text of one statement arrives. A `Statement` leaves: its kind, its output format, and the offset of an insert's
rows. The engine checks everything else. A text that this module cannot parse goes to the engine, and the client gets
the engine's error message.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

# One alternative for each kind of token. Strings, quoted names, heredocs and comments are one token each, so that no
# word inside them counts as a keyword.
_TOKEN = re.compile(
    r"""(?P<blank>\s+|--[^\n]*|\#[ !][^\n]*|/\*.*?\*/)
      | (?P<quoted>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`\\]|\\.|``)*`|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<other>\d\w*|.)""",
    re.VERBOSE | re.DOTALL,
)

RESULT_VERBS = frozenset({"SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS", "FROM", "CHECK", "("})

# Statements that need a session. This server keeps none.
SESSION_VERBS = frozenset({"SET", "USE", "BEGIN", "COMMIT", "ROLLBACK"})

# Functions that reach outside the tables: to files of this machine, other machines, or programs.
_OUTSIDE_WORDS = """
file url urlcluster s3 s3cluster gcs hdfs azureblobstorage remote remotesecure cluster clusterallreplicas
executable mysql postgresql mongodb redis sqlite odbc jdbc python iceberg deltalake hudi input filecluster
"""
_OUTSIDE = frozenset(_OUTSIDE_WORDS.split())
_FILES = frozenset({"infile", "outfile"})


class Kind(Enum):
    """How a statement is served."""

    RESULT = "result"  # returns rows, changes nothing
    INSERT = "insert"  # carries rows in the request
    COMMAND = "command"  # everything else


@dataclass(frozen=True, slots=True)
class Statement:
    """One parsed statement.

    `text` is the SQL without an insert's rows. `verb` is its first word in capitals. `format` is the format that the
    text names, or None. For `Kind.INSERT`, `head` ends before SETTINGS or FORMAT, `tail` is the text between head and
    FORMAT, and `rows_at` is the offset of the first byte of the rows. `body` is a result's text before FORMAT.
    """

    kind: Kind
    verb: str
    text: str
    format: str | None = None
    head: str = ""
    tail: str = ""
    rows_at: int = 0
    body: str = ""


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int
    depth: int

    @property
    def word(self) -> str:
        return self.text.upper() if self.kind == "word" else ""


class RefusedStatement(Exception):
    """A statement that this server refuses. `code` is the nearest ClickHouse error code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def parse(text: str) -> Statement:
    """The statement in `text`. An insert's rows may follow it.

    Raises `RefusedStatement` for a statement that reaches outside the store or needs a session.
    """
    tokens = _tokens(text)
    first = next(tokens, None)
    if first is None:
        raise RefusedStatement(62, "empty query")
    verb = first.word or first.text
    if verb in SESSION_VERBS:
        raise RefusedStatement(48, f"{verb} needs a session, and this server keeps none: send settings with each query")
    if verb == "INSERT":
        return _insert(text, tokens)
    found = list(tokens)
    _refuse_outside(found)
    if verb in RESULT_VERBS:
        return _result(text, verb, found)
    if verb == "CREATE" and any(token.word == "TEMPORARY" for token in found[:3]):
        raise RefusedStatement(48, "a temporary table needs a session, and this server keeps none")
    return Statement(Kind.COMMAND, verb, text)


def _tokens(text: str) -> Iterator[_Token]:
    # A statement of a report has thousands of tokens, and each is looked at: so little is done for one.
    depth = 0
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "other"
        if kind == "blank":
            continue
        text_of = match.group()
        if text_of == ")":
            depth -= 1
        yield _Token("quoted" if kind == "tag" else kind, text_of, match.start(), match.end(), depth)
        if text_of == "(":
            depth += 1


def _result(text: str, verb: str, tokens: list[_Token]) -> Statement:
    flat = [token for token in tokens if token.depth == 0]
    for place in range(len(flat) - 2, -1, -1):
        after = flat[place + 2] if place + 2 < len(flat) else None
        ends = after is None or after.text == ";" or after.word == "SETTINGS"
        if flat[place].word == "FORMAT" and flat[place + 1].kind == "word" and ends:
            return Statement(Kind.RESULT, verb, text, flat[place + 1].text, body=text[: flat[place].start])
    return Statement(Kind.RESULT, verb, text, body=text.rstrip().rstrip(";"))


def _insert(text: str, tokens: Iterator[_Token]) -> Statement:
    """`INSERT INTO t [(columns)] [SETTINGS …] FORMAT name` or `… VALUES` with rows. Any other insert is a command."""
    seen: list[_Token] = []
    settings_at: int | None = None
    for token in tokens:
        seen.append(token)
        if token.depth:
            continue
        if token.word in {"SELECT", "WITH"}:
            seen.extend(tokens)
            break
        if token.word == "SETTINGS":
            settings_at = token.start
        elif token.word in {"FORMAT", "VALUES"}:
            _refuse_outside(seen)
            name, end = _rows_format(text, token, tokens)
            head_end = token.start if settings_at is None else settings_at
            rows_at = _rows_start(text, end)
            return Statement(
                Kind.INSERT, "INSERT", text[:end], name, text[:head_end], text[head_end : token.start], rows_at
            )
    _refuse_outside(seen)
    return Statement(Kind.COMMAND, "INSERT", text)


def _rows_format(text: str, token: _Token, tokens: Iterator[_Token]) -> tuple[str, int]:
    if token.word == "VALUES":
        return "Values", token.end
    name = next(tokens, None)
    if name is None or name.kind != "word":
        raise RefusedStatement(62, "syntax error: FORMAT of an insert names no format")
    return name.text, name.end


def _rows_start(text: str, position: int) -> int:
    # As in ClickHouse, blanks and one line end belong to the statement. All bytes after them belong to the rows.
    while position < len(text) and text[position] in " \t\r":
        position += 1
    if position < len(text) and text[position] == "\n":
        return position + 1
    return position


def _refuse_outside(tokens: list[_Token]) -> None:
    for place, token in enumerate(tokens):
        if token.kind != "word":
            continue
        name = token.text.lower()
        if name in _FILES:
            raise RefusedStatement(48, f"{token.word} reaches into files, which this server does not open for a query")
        if name in _OUTSIDE and place + 1 < len(tokens) and tokens[place + 1].text == "(":
            raise RefusedStatement(497, f"function {token.text} reaches outside the store and is not allowed here")
