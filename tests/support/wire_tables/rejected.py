"""Rows for the rules of protocol §4 that refuse an event, each in three forms: strict import, plain import, /track."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.http.encodings import JSON
from tests.support.ingest.refused_ids import REFUSED_IDS
from tests.support.wire_tables.row import OLD, Case, compact, event

SECRET = ("Authorization", "<basic <secret>:>")
FAILED = "some data points in the request failed validation"
NOT_UTF8 = "string should be valid utf8"
MISSING = "must not be missing"


@dataclass(frozen=True)
class Rule:
    """A broken rule: the record (or its JSON text), the field named, and the words after `'field' is invalid: `.

    `says` is a pattern. `on_track` is the whole sentence where /track words it otherwise. `lenient`: without strict
    the event is accepted instead, so that only the strict form refuses; `endpoints` are those that have the rule.
    """

    name: str
    record: Mapping[str, Any] | str | bytes
    field: str
    says: str = '[^"]+'
    on_track: str = ""
    lenient: bool = False
    endpoints: tuple[str, ...] = ("/track", "/import")

    def text(self) -> str | bytes:
        return self.record if isinstance(self.record, str | bytes) else compact(self.record)

    def sentence(self) -> str:
        return rf"'{re.escape(self.field)}' is invalid: {self.says}"


def broken(name: str, changes: Mapping[str, Any], field: str, says: str = '[^"]+', **more: Any) -> Rule:
    """A rule broken by changed properties; the time is one that both endpoints take."""
    return Rule(name, event(changes), field, says, **more)


def raw(name: str, properties: bytes, field: str, says: str) -> Rule:
    """A rule broken by bytes that no JSON encoder writes."""
    text = compact(event()).encode().replace(b'"properties":{', b'"properties":{' + properties + b",")
    return Rule(name, text, field, says)


def replaced(old: str, new: bytes) -> bytes:
    """The JSON text of an event with some bytes in place of others."""
    return compact(event()).encode().replace(old.encode(), new)


def nested(depth: int) -> Any:
    """A value of so many objects within one another."""
    return {"a": nested(depth - 1)} if depth else 1


USER, DEVICE, ID, TIME = "properties.distinct_id", "properties.$device_id", "$insert_id", "properties.time"
BOTH = ("/track", "/import")
IMPORT, TRACK = ("/import",), ("/track",)

NAMES = [
    Rule("no event name", {"properties": event()["properties"]}, "event", MISSING, "event, missing"),
    Rule("empty event name", event(name=""), "event", MISSING, "event, missing"),
    Rule("null event name", event(name=None), "event", MISSING, "event, missing"),
    Rule("event name of a number", event(name=5), "event"),
    Rule("event name of a list", event(name=["a"]), "event"),
    Rule("event name of 256 characters", event(name="ü" * 256), "event"),
    Rule("no properties", {"event": "a"}, "properties", MISSING, "token, missing or empty"),
    Rule("properties of a list", {"event": "a", "properties": []}, "properties"),
    Rule("properties of a string", {"event": "a", "properties": "x"}, "properties"),
    Rule("no token", event(without=["token"]), "", "", "token, missing or empty", endpoints=TRACK),
    Rule("empty token", event({"token": ""}), "", "", "token, missing or empty", endpoints=TRACK),
    Rule("unknown token", event({"token": "f" * 32}), "", "", "token, unknown", endpoints=TRACK),
]

TIMES = [
    Rule("no time", event(without=["time"]), TIME, MISSING, lenient=True, endpoints=IMPORT),
    broken("null time", {"time": None}, TIME, MISSING, lenient=True, endpoints=IMPORT),
    broken("time of a word", {"time": "yesterday"}, TIME),
    broken("time of a date", {"time": "2026-01-31T00:00:00"}, TIME),
    broken("time of a list", {"time": [1]}, TIME),
    broken("time of true", {"time": True}, TIME),
    broken("empty time", {"time": ""}, TIME),
    broken("time 2 hours ahead", {"time": "<now+7200>"}, TIME, "must not be in the future", endpoints=IMPORT),
    broken("time 2 hours ahead in ms", {"time": "<now+7200 ms>"}, TIME, "must not be in the future", endpoints=IMPORT),
    broken(
        "time in microseconds", {"time": 1_700_000_000_000_000}, TIME, "must not be in the future", endpoints=IMPORT
    ),
    broken("live time in microseconds", {"time": 1_795_000_000_000_000}, TIME, ".*, not microseconds", endpoints=TRACK),
    broken("live time in nanoseconds", {"time": 1_795_000_000 * 10**9}, TIME, ".*, not nanoseconds", endpoints=TRACK),
    broken("time in 1970", {"time": 31_535_999}, TIME, endpoints=IMPORT),
    broken("time 0", {"time": 0}, TIME),
    broken("negative time", {"time": -OLD}, TIME),
    broken("time older than 5 days", {"time": "<now-432060>"}, TIME, endpoints=TRACK),
    broken("time older than 5 days in ms", {"time": "<now-432060 ms>"}, TIME, endpoints=TRACK),
]

IDS = [
    Rule("no distinct_id", event(without=["distinct_id"]), USER, MISSING, "distinct_id, missing or empty"),
    broken("null distinct_id", {"distinct_id": None}, USER, MISSING, on_track="distinct_id, missing or empty"),
    broken("distinct_id of a list", {"distinct_id": ["a"]}, USER),
    broken("distinct_id of an object", {"distinct_id": {"a": 1}}, USER),
    *(broken(f"distinct_id {each}", {"distinct_id": each}, USER) for each in REFUSED_IDS),
    *(
        broken(f"distinct_id {each} in capitals", {"distinct_id": each.upper()}, USER)
        for each in ("anon", "n/a", "nil")
    ),
    broken("distinct_id of the number 0", {"distinct_id": 0}, USER),
    broken("distinct_id of the number -1", {"distinct_id": -1}, USER),
    broken("device_id refused", {"$device_id": "undefined"}, DEVICE),
    broken("user_id refused", {"$user_id": "null"}, "properties.$user_id"),
    Rule("no insert_id", event(without=[ID]), ID, MISSING, lenient=True, endpoints=IMPORT),
    broken("null insert_id", {ID: None}, ID, MISSING, lenient=True, endpoints=IMPORT),
    broken("insert_id of 37 bytes", {ID: "a" * 37}, ID, lenient=True, endpoints=IMPORT),
    broken("empty insert_id", {ID: ""}, ID, lenient=True, endpoints=IMPORT),
    broken(
        "insert_id with other characters",
        {ID: "a_b"},
        ID,
        "must only contain alphanumeric or hyphen '-' characters",
        lenient=True,
        endpoints=IMPORT,
    ),
    broken("insert_id beyond ascii", {ID: "ü"}, ID, lenient=True, endpoints=IMPORT),
    *(
        broken(f"insert_id {each}", {ID: each}, ID, lenient=True, endpoints=IMPORT)
        for each in ("undefined", "NULL", "0", "-1", "00000000-0000-0000-0000-000000000000")
    ),
]

SIZES = [
    broken("255 properties", {f"p{number}": number for number in range(255)}, "properties"),
    broken("object of 255 keys", {"o": {f"k{number}": number for number in range(255)}}, "properties.o"),
    broken("array of 255 elements", {"a": list(range(255))}, "properties.a"),
    broken("array of 255 empty strings", {"a": [""] * 255}, "properties.a"),
    broken("array of 255 in an object", {"o": {"a": [0] * 255}}, "properties.o.a"),
    broken("depth 4", {"o": nested(4)}, "properties.o.a.a.a"),
    broken("depth 4 of arrays", {"o": [[[[1]]]]}, "properties.o[0][0][0]"),
    broken("depth 40", {"o": nested(40)}, "properties.o.a.a.a"),
]

BYTES = [
    raw("byte ff in a value", b'"x":"a\xffb"', "properties.x", NOT_UTF8),
    raw("cut utf-8 in a value", b'"x":"a\xe2\x82"', "properties.x", NOT_UTF8),
    raw("overlong utf-8 in a value", b'"x":"\xc0\xaf"', "properties.x", NOT_UTF8),
    raw("utf-8 encoded surrogate", b'"x":"\xed\xa0\x80"', "properties.x", NOT_UTF8),
    raw("latin-1 in a value", '"x":"ü"'.encode("latin-1"), "properties.x", NOT_UTF8),
    raw("high surrogate alone", b'"x":"\\ud83d"', "properties.x", NOT_UTF8),
    raw("low surrogate alone", b'"x":"\\ude00 b"', "properties.x", NOT_UTF8),
    raw("surrogates swapped", b'"x":"\\ude00\\ud83d"', "properties.x", NOT_UTF8),
    raw("surrogate in a nested value", b'"x":{"y":["\\ud83d"]}', "properties.x", NOT_UTF8),
    raw("surrogate in a long value", b'"x":"' + b"a" * 300 + b'\\ud83d"', "properties.x", NOT_UTF8),
    Rule("byte ff in the insert_id", replaced('"id-1"', b'"\xff"'), "properties.$insert_id", NOT_UTF8),
    Rule("byte ff in the distinct_id", replaced('"user-1"', b'"\xff"'), USER, NOT_UTF8),
    Rule("byte ff in the token", replaced('"<token>"', b'"\xff"'), "properties.token", NOT_UTF8),
    Rule("byte ff in the event name", replaced('"signed up"', b'"\xff"'), "event", NOT_UTF8),
    Rule("surrogate in the event name", replaced('"signed up"', b'"\\ud800"'), "event", NOT_UTF8),
    Rule("surrogate in a property name", replaced('"time"', b'"\\ud800":1,"time"'), "properties.?", NOT_UTF8),
    raw("surrogate in a distinct_id", b'"$user_id":"\\ud83d"', "properties.$user_id", NOT_UTF8),
]

RULES = [*NAMES, *TIMES, *IDS, *SIZES, *BYTES]


def _failure(rule: Rule) -> re.Pattern[str]:
    record = (
        rf'\{{"index":0,"insert_id":"[^"]*","\$insert_id":"[^"]*","field":"{re.escape(rule.field)}",'
        rf'"message":"{rule.sentence()}"\}}'
    )
    return re.compile(
        rf'\{{"code":400,"error":"{FAILED}","failed_records":\[{record}\],'
        r'"num_records_imported":0,"status":"Bad Request"\}'
    )


def _rows(rule: Rule) -> list[Case]:
    rows = []
    if "/import" in rule.endpoints:
        headers, wanted = (JSON, SECRET), _failure(rule)
        rows.append(
            Case(
                f"import strict: {rule.name}",
                "§4",
                "/import?strict=1",
                rule.text(),
                headers=headers,
                status=400,
                reply=wanted,
            )
        )
        if not rule.lenient:
            rows.append(Case(f"import: {rule.name}", "§4", "/import", rule.text(), headers=headers, reply="0"))
    if "/track" in rule.endpoints:
        error = re.escape(rule.on_track) or rule.sentence()
        wanted = re.compile(rf'\{{"error":"{error}","status":0\}}')
        rows.append(Case(f"track verbose: {rule.name}", "§4", "/track?verbose=1", rule.text(), reply=wanted))
        rows.append(Case(f"track: {rule.name}", "§4", "/track", rule.text(), reply="0"))
    return rows


CASES = [row for rule in RULES for row in _rows(rule)]
