"""Rows for protocol §5 on the wire: `/engage` and `/groups` in every encoding, and each operation with what it leaves.

The encodings are those of `/track`: every row of that table is sent again to both endpoints, with profile updates.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from tests.support.http.encodings import JSON, NDJSON
from tests.support.wire_tables.encodings import AWKWARD, FORM_CASES, GET_CASES, JSON_CASES, ONE, TWO, UNESCAPED
from tests.support.wire_tables.row import OLD, Case, compact

SEEN = "2023-11-14T22:13:20"
"""`$last_seen` of a record whose `$time` is OLD."""
KEY = "company / ü ✓"


def profile(properties: Mapping[str, Any], profile_id: str = "user-1", group_key: str = "") -> dict[str, Any]:
    """A profile as the store holds it."""
    return {"group_key": group_key, "id": profile_id, "properties": properties}


def update(path: str, number: int = 1, **operations: Any) -> dict[str, Any]:
    """A record of either endpoint; `set=` stands for `$set`."""
    whose: dict[str, Any] = {"$group_key": KEY, "$group_id": number}
    if path == "/engage":
        whose = {"$distinct_id": f"user-{number}"}
    return {"$token": "<token>", **whose, "$time": OLD, **{f"${name}": value for name, value in operations.items()}}


def left_by(path: str, properties: Mapping[str, Any], number: int = 1) -> dict[str, Any]:
    """The profile of such a record."""
    whose = {"/engage": (f"user-{number}", ""), "/groups": (str(number), KEY)}[path]
    return profile(properties, *whose)


def kept(path: str, properties: Mapping[str, Any], number: int = 1) -> dict[str, Any]:
    """The same, seen at the record's time."""
    return left_by(path, {"$last_seen": SEEN, **properties}, number)


def _texts(path: str) -> dict[str, tuple[str, tuple[dict[str, Any], ...]]]:
    """For each text of the table of `/track`: the one to send instead, and the profiles it leaves."""
    records = [update(path, number, set={"row": number, **AWKWARD}) for number in (1, 2)]
    shown = [kept(path, {"row": number, **AWKWARD}, number) for number in (1, 2)]
    unescaped = compact(update(path, set={"a": "<awkward>"})).replace("<awkward>", "?>~😀 ü ✓")
    return {
        ONE: (compact(records[0]), (shown[0],)),
        TWO: (compact(records), tuple(shown)),
        UNESCAPED: (unescaped, (kept(path, {"a": "?>~😀 ü ✓"}),)),
    }


def _moved(case: Case, path: str) -> Case:
    """A row of `/track` as a row of another endpoint."""
    assert isinstance(case.text, str)
    text, shown = _texts(path)[case.text]
    target = case.target
    moved: str | Callable[[bytes], str]
    if isinstance(target, str):
        moved = target.replace("/track", path, 1)
    else:
        moved = lambda given: target(given).replace("/track", path, 1)  # noqa: E731
    return replace(case, name=f"{path} {case.name}", target=moved, text=text, stored=shown)


PATHS = ("/engage", "/groups")
ENCODING_CASES = [
    _moved(case, path) for path in PATHS for case in JSON_CASES + FORM_CASES + GET_CASES if isinstance(case.text, str)
]
LINES_CASES = [
    Case(
        f"{path} ndjson",
        "tools",
        path,
        "\n".join(compact(update(path, number, set={"row": number})) for number in (1, 2)) + "\n",
        headers=(NDJSON,),
        stored=tuple(kept(path, {"row": number}, number) for number in (1, 2)),
    )
    for path in PATHS
]

TAGS = {"tags": ["a", "b"]}
Updates = list[dict[str, Any]]
"""The operations of each record in turn."""
SEVERAL: dict[str, Any] = {
    "set": {"a": 1, "l": [1]},
    "add": {"a": 2, "c": 5},
    "append": {"l": 2},
    "union": {"l": [1, 3]},
    "remove": {"l": 1},
    "set_once": {"a": 9, "d": 4},
    "unset": ["c"],
}
LEFT: list[tuple[str, Updates, dict[str, Any] | None]] = [
    ("$set", [{"set": {"a": "x", "n": 1, "f": 1.5, "b": True, "l": [1, "y"], "o": {"p": 1}}}],
     {"a": "x", "n": 1, "f": 1.5, "b": True, "l": [1, "y"], "o": {"p": 1}}),
    ("$set overwrites", [{"set": {"a": "x", "b": 1}}, {"set": {"a": "y"}}], {"a": "y", "b": 1}),
    ("$set of null", [{"set": {"a": "x"}}, {"set": {"a": None, "b": 1}}], {"a": "x", "b": 1}),
    ("$set of a long string", [{"set": {"a": "é" * 300}}], {"a": "é" * 255}),
    ("$set_once", [{"set_once": {"a": 1}}, {"set_once": {"a": 2, "b": 3}}], {"a": 1, "b": 3}),
    ("$set_once of null", [{"set_once": {"a": None}}, {"set_once": {"a": 2}}], {"a": None}),
    ("$add", [{"add": {"a": 1}}, {"add": {"a": 2, "b": -1.5}}], {"a": 3, "b": -1.5}),
    ("$add to a string", [{"set": {"a": "x", "b": 1}}, {"add": {"a": 1, "b": 1}}], {"a": "x", "b": 2}),
    ("$append", [{"append": {"a": 1}}, {"append": {"a": 1}}, {"append": {"a": {"b": 2}}}], {"a": [1, 1, {"b": 2}]}),
    ("$union", [{"union": {"a": [1, "x"]}}, {"union": {"a": ["x", "y", 1]}}], {"a": [1, "x", "y"]}),
    ("$remove", [{"set": {"a": ["x", "y"]}}, {"remove": {"a": "x", "b": 1}}], {"a": ["y"]}),
    ("$unset", [{"set": {"a": 1, "b": 2}}, {"unset": ["a", "c"]}], {"b": 2}),
    ("$delete", [{"set": {"a": 1}}, {"delete": ""}], None),
    ("$delete of null", [{"set": {"a": 1}}, {"delete": None}], None),
    ("$delete of the text null", [{"set": {"a": 1}}, {"delete": "null", "ignore_alias": True}], None),
    ("$delete of an object", [{"set": {"a": 1}}, {"delete": {}, "ignore_alias": "true"}], None),
    ("$delete, then $set", [{"set": {"a": 1}}, {"delete": ""}, {"set": {"b": 2}}], {"b": 2}),
    ("several operations in one record", [SEVERAL], {"a": 3, "l": [2, 3], "d": 4}),
    ("operations in the order of the client", [{"add": {"a": 2}, "set": {"a": 1}}], {"a": 1}),
    ("a wrong operand leaves all as it was", [{"set": {"a": 1}}, {"set": {"a": 2}, "add": {"b": "x"}}], {"a": 1}),
]  # fmt: skip
"""Name, updates, and the properties they leave; None for no profile."""

MEMBERS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("$time in milliseconds", {"$time": OLD * 1000 + 999}, {"$last_seen": SEEN, "a": 1}),
    ("$time as text", {"$time": str(OLD)}, {"$last_seen": SEEN, "a": 1}),
    ("$ignore_time", {"$ignore_time": True}, {"a": 1}),
    ("$ignore_time as text", {"$ignore_time": "true"}, {"a": 1}),
    ("$ip is not kept", {"$ip": "203.0.113.5"}, {"$last_seen": SEEN, "a": 1}),
]

OPERATIONS_CASES = [
    Case(
        f"{path} {name}",
        "protocol §5",
        path,
        [update(path, **each) for each in updates],
        headers=(JSON,),
        stored=() if left is None else (kept(path, left),),
    )
    for path in PATHS
    for name, updates, left in LEFT
] + [
    Case(
        f"{path} {name}",
        "protocol §5",
        f"{path}?ip=0",
        update(path, set={"a": 1}) | changed,
        stored=(left_by(path, left),),
    )
    for path in PATHS
    for name, changed, left in MEMBERS
]
CASES = ENCODING_CASES + LINES_CASES + OPERATIONS_CASES
