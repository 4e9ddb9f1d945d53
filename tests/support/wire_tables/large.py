"""Rows for the rules of protocol §4 in requests of many kilobytes, where a server is tempted to look less closely.

Each rule that looks into values is broken once in a large request: in one large event, among many lines, and in a
batch where another record is too small to count. The broken record must be named all the same.
"""

import re

from tests.support.http.encodings import JSON, NDJSON, as_is
from tests.support.wire_tables.rejected import BYTES, FAILED, SIZES, Rule
from tests.support.wire_tables.row import OLD, Case, compact, event, imported

SECRET = ("Authorization", "<basic <secret>:>")
# No string here is long enough to make a server look closer by itself.
PADDING = {f"padding {number}": "x" * 90 for number in range(180)}
PADDED = compact(PADDING).encode()[1:-1]
TEXT, COUNT = "x" * 90, 100
NUMBERS = range(COUNT)
PLAIN = [{"time": OLD, "$insert_id": f"plain-{number}", "row": number, "text": TEXT} for number in NUMBERS]
PLAIN_LINES = [compact(event(each)).encode() for each in PLAIN]
PLAIN_SHOWN = tuple(imported(each) for each in PLAIN)
TINY = b'{"event":""}'


def _failed(index: int, field: str, message: str, insert_id: str = '[^"]*') -> str:
    ids = rf'"insert_id":"{insert_id}","\$insert_id":"{insert_id}"'
    return rf'\{{"index":{index},{ids},"field":"{re.escape(field)}","message":"{message}"\}}'


def _invalid(count: int, *failed: str) -> re.Pattern[str]:
    return re.compile(
        rf'\{{"code":400,"error":"{FAILED}","failed_records":\[{",".join(failed)}\],'
        rf'"num_records_imported":{count},"status":"Bad Request"\}}'
    )


def _bytes(rule: Rule) -> bytes:
    text = rule.text()
    return text if isinstance(text, bytes) else text.encode()


def _one_large_event(rule: Rule) -> Case:
    text = _bytes(rule).replace(b'"properties":{', b'"properties":{' + PADDED + b",")
    wanted = _invalid(0, _failed(0, rule.field, rule.sentence()))
    return _case(f"one large event: {rule.name}", text, wanted)


def _among_lines(rule: Rule) -> Case:
    lines = [*PLAIN_LINES, _bytes(rule)]
    wanted = _invalid(COUNT, _failed(COUNT, rule.field, rule.sentence()))
    return _case(f"among lines: {rule.name}", b"\n".join(lines), wanted, NDJSON, PLAIN_SHOWN)


def _beside_a_tiny_record(rule: Rule) -> Case:
    text = b"[" + b",".join([TINY, *PLAIN_LINES, _bytes(rule), TINY]) + b"]"
    tiny = "'event' is invalid: must not be missing"
    wanted = _invalid(
        COUNT,
        _failed(0, "event", tiny),
        _failed(COUNT + 1, rule.field, rule.sentence()),
        _failed(COUNT + 2, "event", tiny),
    )
    return _case(f"beside a tiny record: {rule.name}", text, wanted, JSON, PLAIN_SHOWN)


def _case(
    name: str,
    text: bytes,
    reply: re.Pattern[str],
    content_type: tuple[str, str] = JSON,
    stored: tuple[dict[str, object], ...] = (),
) -> Case:
    headers = (content_type, SECRET)
    return Case(name, "protocol §4", "/import?strict=1", text, as_is, "POST", headers, 0, 400, reply, {}, stored)


# 255 properties and those of padding break the rule as well; the other rules stand apart from it.
LOOKING_IN = [rule for rule in [*SIZES, *BYTES] if rule.name != "255 properties"]
REJECTED = [wrap(rule) for rule in LOOKING_IN for wrap in (_one_large_event, _among_lines, _beside_a_tiny_record)]

OK = f'{{"code":200,"num_records_imported":{COUNT + 1},"status":"OK"}}'
CHANGED: list[tuple[str, dict[str, object], dict[str, object]]] = [
    ("a string of 256 is cut", {"a": "y" * 256}, {"a": "y" * 255}),
    ("a string with escaped quotes is cut", {"a": 'y"' * 200}, {"a": ('y"' * 128)[:255]}),
    ("a string with quotes every 100 is cut", {"a": ("y" * 99 + '"') * 4}, {"a": (("y" * 99 + '"') * 4)[:255]}),
    ("a string of wide characters is cut", {"a": "😀" * 256}, {"a": "😀" * 255}),
    ("null is dropped", {"a": None, "b": 1}, {"b": 1}),
    ("a nested string is cut", {"a": ["y" * 256]}, {"a": ["y" * 255]}),
]
ACCEPTED = [
    Case(
        f"{kind}: {name}",
        "protocol §4",
        "/import?strict=1",
        wrap([*PLAIN_LINES, compact(event({"time": OLD, "row": COUNT, **sent})).encode()]),
        headers=(content_type, SECRET),
        reply=OK,
        stored=(*PLAIN_SHOWN, imported({"time": OLD, "row": COUNT, **shown})),
    )
    for name, sent, shown in CHANGED
    for kind, content_type, wrap in (
        ("lines", NDJSON, b"\n".join),
        ("array", JSON, lambda lines: b"[" + b",".join(lines) + b"]"),
    )
]

CASES = [*REJECTED, *ACCEPTED]
