"""Rows for the replies of `/engage` and `/groups` (protocol §3, §5): endpoint × form of the reply × outcome.

Each broken rule is asked for in the plain, the verbose and the strict form, alone and behind a good record.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from tests.support.http.encodings import FORM, GZIP, JSON, base64_form
from tests.support.wire_tables.profiles import PATHS, kept, update
from tests.support.wire_tables.replies import FAILED, JSON_REPLY, PIXEL, SCRIPT_REPLY, TEXT_REPLY
from tests.support.wire_tables.row import Case

OK, VERBOSE = "1", '{"error":null,"status":1}'
STRICT, STRICT_VERBOSE = "?strict=1", "?strict=1&verbose=1"


def verbose_bad(reason: str) -> str:
    return json.dumps({"error": reason, "status": 0}, separators=(",", ":"), ensure_ascii=False)


def strict_ok(count: int) -> str:
    return f'{{"code":200,"num_records_imported":{count},"status":"OK"}}'


def strict_verbose_ok(count: int) -> str:
    return f'{{"code":200,"num_good_events":{count},"num_records_imported":{count},"status":"OK"}}'


def strict_bad(imported: int, *failures: tuple[int, str, str]) -> str:
    """The body of a strict 400; a failure is index, field and message."""
    records = [
        {"index": index, "insert_id": "", "$insert_id": "", "field": field, "message": message}
        for index, field, message in failures
    ]
    body = {"code": 400, "error": FAILED, "failed_records": records, "num_records_imported": imported}
    return json.dumps(body | {"status": "Bad Request"}, separators=(",", ":"), ensure_ascii=False)


def refused(status: int, phrase: str, error: str) -> re.Pattern[str]:
    """The JSON body of a whole-request error; `error` is a pattern."""
    return re.compile(rf'\{{"code":{status},"error":"{error}","status":"{phrase}"\}}')


Change = dict[str, Any]
ABSENT = "<absent>"
"""Stands for a member that is not there."""
INVALID = "'{}' is invalid: {}".format
OBJECT, NUMBER, LIST = "must be an object", "must be a number", "must be a list"
USER_RULES: list[tuple[str, Change, str, str]] = [
    ("no $distinct_id", {"$distinct_id": ABSENT}, "$distinct_id", "$distinct_id, missing or empty"),
    ("an empty $distinct_id", {"$distinct_id": ""}, "$distinct_id", "$distinct_id, missing or empty"),
    ("a $distinct_id of no one", {"$distinct_id": "null"}, "$distinct_id",
     INVALID("$distinct_id", "must not be 'null', which stands for no one")),
]  # fmt: skip
GROUP_RULES: list[tuple[str, Change, str, str]] = [
    ("no $group_key", {"$group_key": ABSENT}, "$group_key", "$group_key, missing or empty"),
    ("no $group_id", {"$group_id": ABSENT}, "$group_id", "$group_id, missing or empty"),
    ("a group with $distinct_id", {"$distinct_id": "user-1"}, "$distinct_id",
     INVALID("$distinct_id", "must not be given for a group, which is named by $group_key and $group_id")),
]  # fmt: skip
RULES: list[tuple[str, Change, str, str]] = [
    ("no token", {"$token": ABSENT}, "$token", "$token, missing or empty"),
    ("an empty token", {"$token": ""}, "$token", "$token, missing or empty"),
    ("an unknown token", {"$token": "0" * 32}, "$token", "token, unknown"),
    ("no operation", {"$set": ABSENT, "$rename": {"a": "b"}}, "",
     "operation, missing: one of $set, $set_once, $add, $append, $union, $remove, $unset, $delete"),
    ("$set of null", {"$set": None}, "$set", INVALID("$set", OBJECT)),
    ("$time that is none", {"$time": "soon"}, "$time", INVALID("$time", "must be specified as seconds since epoch")),
    ("$set of a list", {"$set": ["a"]}, "$set", INVALID("$set", OBJECT)),
    ("$set_once of a string", {"$set_once": "a"}, "$set_once", INVALID("$set_once", OBJECT)),
    ("$add of a string", {"$add": {"b": "1"}}, "$add.b", INVALID("$add.b", NUMBER)),
    ("$add of a boolean", {"$add": {"b": True}}, "$add.b", INVALID("$add.b", NUMBER)),
    ("$append of a list", {"$append": ["a"]}, "$append", INVALID("$append", OBJECT)),
    ("$union of a string", {"$union": {"b": "x"}}, "$union.b", INVALID("$union.b", LIST)),
    ("$remove of a number", {"$remove": 5}, "$remove", INVALID("$remove", OBJECT)),
    ("$unset of a string", {"$unset": "a"}, "$unset", INVALID("$unset", "must be a list of property names")),
    ("$unset of a number", {"$unset": ["a", 5]}, "$unset[1]", INVALID("$unset[1]", "must be a string")),
    ("deep nesting", {"$set": {"x": {"a": {"b": {"c": {}}}}}}, "$set.x.a.b.c",
     INVALID("$set.x.a.b.c", "must not be nested deeper than 3 levels")),
    ("no text", {"$set": {"x": "\ud83d"}}, "$set.x", INVALID("$set.x", "string should be valid utf8")),
]  # fmt: skip


def _good(path: str) -> dict[str, Any]:
    return update(path, set={"good": 1})


def _rows(path: str, name: str, change: Change, field: str, message: str) -> list[Case]:
    """One broken rule in all forms of a reply."""
    changed = update(path, 2, set={"bad": 1}) | change
    bad = {key: value for key, value in changed.items() if value != ABSENT}
    shown = (kept(path, {"good": 1}),)
    forms: list[tuple[str, str, Any, int, str, Sequence[Any]]] = [
        ("plain", "", bad, 200, "0", ()),
        ("verbose", "?verbose=1", bad, 200, verbose_bad(message), ()),
        ("strict", STRICT, bad, 400, strict_bad(0, (0, field, message)), ()),
        ("plain, behind a good one", "", [_good(path), bad], 200, OK, shown),
        ("verbose, behind a good one", "?verbose=1", [_good(path), bad], 200, VERBOSE, shown),
        ("strict, behind a good one", STRICT, [_good(path), bad], 400, strict_bad(1, (1, field, message)), shown),
        ("strict verbose", STRICT_VERBOSE, [_good(path), bad], 400, strict_bad(1, (1, field, message)), shown),
    ]
    return [
        Case(f"{path} {name}, {form}", "§5", path + flags, text, status=status, reply=reply, stored=tuple(left))
        for form, flags, text, status, reply, left in forms
    ]


RULE_CASES = [
    row
    for path, own in zip(PATHS, (USER_RULES, GROUP_RULES), strict=True)
    for rule in [*RULES, *own]
    for row in _rows(path, *rule)
]


def _success(path: str) -> list[Case]:
    """A good record in all forms of a reply."""
    forms: list[tuple[str, Any, dict[str, str | None]]] = [
        ("", OK, dict(TEXT_REPLY)),
        ("?verbose=0&strict=0", OK, dict(TEXT_REPLY)),
        ("?verbose=1", VERBOSE, dict(JSON_REPLY)),
        ("?verbose=2&ip=0", VERBOSE, dict(JSON_REPLY)),
        (STRICT, strict_ok(1), dict(JSON_REPLY)),
        (STRICT_VERBOSE, strict_verbose_ok(1), dict(JSON_REPLY)),
        ("/?verbose=1", VERBOSE, dict(JSON_REPLY)),
        ("?img=1", PIXEL, {"content-type": "image/gif"}),
        ("?callback=f", "f(1);", dict(SCRIPT_REPLY)),
        ("?callback=f&verbose=1", f"f({VERBOSE});", dict(SCRIPT_REPLY)),
        ("?callback=f&strict=1", f"f({strict_ok(1)});", dict(SCRIPT_REPLY)),
    ]
    shown = (kept(path, {"good": 1}),)
    rows = [
        Case(f"{path}{flags}", "§3", path + flags, _good(path), reply=reply, reply_headers=headers, stored=shown)
        for flags, reply, headers in forms
    ]
    moved = {"location": "https://example.com/a"}
    to = f"{path}?redirect=https%3A%2F%2Fexample.com%2Fa"
    strict_form, ok = base64_form("&strict=1"), strict_ok(1)
    return [
        *rows,
        Case(f"{path} redirect", "§3", to, _good(path), status=302, reply="", reply_headers=moved, stored=shown),
        Case(f"{path} strict form", "§3", path, _good(path), strict_form, headers=(FORM,), reply=ok, stored=shown),
    ]


def _unreadable(path: str) -> list[Case]:
    """Bodies that hold no records at all; with strict=1 the whole request is refused."""
    bodies: list[tuple[str, str | bytes, tuple[tuple[str, str], ...], str]] = [
        ("empty body", "", (JSON,), "data, missing or empty"),
        ("empty array", "[]", (JSON,), "data, missing or empty"),
        ("not json", '{"$token":', (JSON,), 'data, not valid JSON: [^"]+ at byte 10'),
        ("broken base64", "data=a*b", (FORM,), 'data, not valid base64 or JSON: [^"]+'),
        ("not gzip", "hello", (JSON, GZIP), 'data, not valid gzip[^"]+'),
    ]
    rows = []
    for name, text, headers, error in bodies:
        verbose = re.compile(rf'\{{"error":"{error}","status":0\}}')
        strict = refused(400, "Bad Request", error)
        for flags, status, reply in (("", 200, "0"), ("?verbose=1", 200, verbose), (STRICT, 400, strict)):
            rows.append(
                Case(f"{path}{flags} {name}", "§3", path + flags, text, headers=headers, status=status, reply=reply)
            )
    return rows


def _too_much(path: str) -> list[Case]:
    """Over the limits of a request: nothing of it is taken."""
    many = [_good(path)] * 2001
    large = update(path, 2, set={"a": 1}) | {"x": "y" * (1 << 20)}
    limits = [
        ("too many", many, "2000 profile updates"),
        ("too large", [_good(path), large], "1048576 bytes a profile update"),
    ]
    rows = []
    for name, text, limit in limits:
        error = refused(413, "Request Entity Too Large", f"request exceeds max limit of {limit}")
        for flags, reply in (("", "0"), ("?verbose=1", error), (STRICT, error)):
            rows.append(Case(f"{path}{flags} {name}", "§5", path + flags, text, status=413, reply=reply))
    return rows


def _other_methods(path: str) -> list[Case]:
    error = refused(405, "Method Not Allowed", "method PUT is not allowed here")
    allow = {"allow": "GET, POST, OPTIONS"}
    return [Case(f"{path} by PUT", "§3", path, _good(path), method="PUT", status=405, reply=error, reply_headers=allow)]


REQUEST_CASES = [
    row for path in PATHS for make in (_success, _unreadable, _too_much, _other_methods) for row in make(path)
]
CASES = RULE_CASES + REQUEST_CASES
