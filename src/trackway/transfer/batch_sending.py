"""One batch to the server: what it took, and what it rejected and why.

A batch that is refused as a whole is sent in parts, down to the record that is at fault. So one bad record costs some
more requests, and no other record.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import orjson

from trackway.domain.errors import StateError
from trackway.domain.line_ids import LINES_HEADER, QUOTED, LineSource, with_insert_id_anyway
from trackway.transfer.batches import Batch, Lines, Rejection, Sendable
from trackway.transfer.connection import NO_PARAMETERS, Answer, Connection

_LINES: Final = "application/x-ndjson"
_ARRAY: Final = "application/json"
_EVENT: Final = b'"event"'
_MISSING_ID: Final = "'$insert_id' is invalid: must not be missing"
_REFUSED: Final = (400, 413)


class Target(NamedTuple):
    """Where records go: the path, its parameters, and whether bodies are compressed.

    `with_ids`: an event without an `$insert_id` is given one. `by_operator`: the server gives it to lines.
    """

    path: str
    parameters: Mapping[str, str]
    packed: bool
    with_ids: bool
    by_operator: bool = False


EVENTS: Final = ("/import", {"strict": "1", "ip": "0"})
USERS: Final = ("/engage", {"strict": "1", "verbose": "1", "ip": "0"})
GROUPS: Final = ("/groups", USERS[1])


class Sent(NamedTuple):
    """What a batch came to: all its records are in one of the two."""

    imported: int
    rejected: list[Rejection]


def send_batch(connection: Connection, target: Target, batch: Batch) -> Sent:
    """Send all records of a batch. Raises StateError for a refusal of all, such as of the credentials, and Stopped."""
    if isinstance(batch.records, Lines):
        imported, rejected = _send_lines(connection, target, batch.source, batch.records)
    else:
        imported, rejected = _send(connection, target, batch.source, batch.records)
    return Sent(imported, sorted([*batch.rejected, *rejected], key=lambda each: each.number))


def _send_lines(connection: Connection, target: Target, name: str, lines: Lines) -> tuple[int, list[Rejection]]:
    """Send lines as they are. Only where not all are taken, each is looked at by itself."""
    get_ids = target.with_ids and target.by_operator
    if get_ids or not target.with_ids or lines.text.count(QUOTED) >= lines.number:
        headers = {LINES_HEADER: LineSource(name, lines.first).header()} if get_ids else {}
        answer = _ask(connection, target, lines.text, _LINES, headers)
        if answer.status == HTTPStatus.OK and _number(answer) == lines.number:
            return lines.number, []
        if answer.status not in (HTTPStatus.OK, *_REFUSED):
            raise StateError(f"server refused: {answer.status} {_error(answer)}")
        records = [Sendable(number, line, line) for number, line in lines.present()]
        failed = _json(answer).get("failed_records")
        if answer.status == HTTPStatus.OK:
            return _counted(answer, len(records)), []
        if failed and _number(answer) == len(records):
            return _partly(connection, target, name, records, failed)
    formed = lines.formed(name, with_ids=target.with_ids)
    imported, rejected = _send(connection, target, name, [each for each in formed if isinstance(each, Sendable)])
    return imported, [*rejected, *(each for each in formed if isinstance(each, Rejection))]


def _send(
    connection: Connection, target: Target, name: str, records: Sequence[Sendable]
) -> tuple[int, list[Rejection]]:
    if not records:
        return 0, []
    answer = _answer(connection, target, records)
    if answer.status == 200:
        return _counted(answer, len(records)), []
    if answer.status not in _REFUSED:
        raise StateError(f"server refused: {answer.status} {_error(answer)}")
    failed = _json(answer).get("failed_records")
    if failed:
        return _partly(connection, target, name, records, failed)
    readable = [each for each in records if _is_json(each.body)]
    if len(readable) < len(records):
        imported, rejected = _send(connection, target, name, readable)
        return imported, [*rejected, *(_no_json(each) for each in records if not _is_json(each.body))]
    if len(records) == 1:
        return 0, [Rejection(records[0].number, "", _error(answer), records[0].text)]
    middle = len(records) // 2
    halves = [_send(connection, target, name, half) for half in (records[:middle], records[middle:])]
    return halves[0][0] + halves[1][0], halves[0][1] + halves[1][1]


def _partly(
    connection: Connection, target: Target, name: str, records: Sequence[Sendable], failed: list[dict[str, Any]]
) -> tuple[int, list[Rejection]]:
    """The outcome of a batch of which the server took a part. Records that only lack an `$insert_id`, since they hold
    its name elsewhere, are sent once more with one."""
    rejected, again = [], []
    for each in failed:
        record, reason = records[each["index"]], str(each["message"])
        body = record.body
        if target.with_ids and reason == _MISSING_ID:
            body = with_insert_id_anyway(body, name, record.number)
        if body is record.body:
            rejected.append(Rejection(record.number, str(each["field"]), reason, record.text))
        else:
            again.append(record._replace(body=body))
    imported, more = _send(connection, target, name, again)
    return len(records) - len(failed) + imported, rejected + more


def _answer(connection: Connection, target: Target, records: Sequence[Sendable]) -> Answer:
    """The reply to some records, sent as an array, which costs the server a tenth less than lines do. A line that is
    not one JSON value could be several elements of an array, or join others; then lines are sent, which keep apart."""
    bodies = [each.body for each in records]
    array = b",".join(bodies)
    if array.count(_EVENT) <= len(records):
        answer = _ask(connection, target, b"[%b]" % array, _ARRAY)
        if answer.status not in (200, *_REFUSED) or _number(answer) in (None, len(records)):
            return answer
    return _ask(connection, target, b"\n".join(bodies), _LINES)


def _number(answer: Answer) -> int | None:
    """The records that a reply is about; None where it refuses all of them."""
    found = _json(answer)
    if answer.status == HTTPStatus.OK:
        return int(found.get("num_records_imported", -1))
    failed = found.get("failed_records")
    return int(found.get("num_records_imported", 0)) + len(failed) if failed else None


def _ask(
    connection: Connection,
    target: Target,
    body: bytes,
    content_type: str,
    more: Mapping[str, str] = NO_PARAMETERS,
) -> Answer:
    headers = {"Content-Type": content_type, **more}
    if target.packed:
        from isal import igzip  # noqa: PLC0415

        body = igzip.compress(body, 1)
        headers["Content-Encoding"] = "gzip"
    return connection.ask("POST", target.path, target.parameters, body, headers)


def _counted(answer: Answer, records: int) -> int:
    """The records of a batch that was taken whole. Another number of them means another server."""
    imported = _json(answer).get("num_records_imported")
    if imported != records:
        raise StateError(f"server counted {imported!r} of {records} records: is it trackway or Mixpanel?")
    return records


def _json(answer: Answer) -> dict[str, Any]:
    try:
        found = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _error(answer: Answer) -> str:
    return str(_json(answer).get("error") or answer.body[:200].decode(errors="replace"))


def _is_json(text: bytes) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _no_json(record: Sendable) -> Rejection:
    return Rejection(record.number, "", "no JSON", record.text)
