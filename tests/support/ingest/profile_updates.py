"""Hands profile updates to the rules the way the edge does, in every form of a body, and shows what came of them."""

from dataclasses import dataclass
from typing import Any

import msgspec

from tests.support.ingest.bodies import ALPHA, NOW_S, arrival, dumps, entries_of, forms
from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import Entry, Update
from trackway.ingest import redact
from trackway.ingest.arrival import Arrival
from trackway.ingest.limits import REQUEST_ORIGINALS_BYTES_MAX
from trackway.ingest.outcome import Failure, Ingested
from trackway.ingest.request import ingest_update_body, ingest_updates
from trackway.ingest.split import split_updates

ENGAGE = arrival(Endpoint.ENGAGE)
GROUPS = arrival(Endpoint.GROUPS)
SEEN = "2025-10-09T08:53:20"
"""NOW_S as `$last_seen` shows it."""

FILLER = [{"$token": ALPHA.token, "$distinct_id": f"filler-{number}", "$set": {"x": "y" * 200}} for number in range(50)]
GROUP_FILLER = [{"$token": ALPHA.token, "$group_key": "k", "$group_id": 1, "$set": {"x": "y" * 200}}] * 50
TEXTS, GROUP_TEXTS = [dumps(each) for each in FILLER], [dumps(each) for each in GROUP_FILLER]


@dataclass(frozen=True)
class Taken:
    """An accepted update: whose it is, and the operations in their order."""

    project_id: int
    group_key: str
    profile_id: str
    operations: dict[str, Any]


Outcome = Taken | tuple[str, str] | None
"""What became of a record: the update, its rejection's (field, message), or None when it was ignored."""


def user(*, without: str = "", **operations: Any) -> dict[str, Any]:
    """A user's record; `set=` stands for `$set`."""
    known = {"$token": ALPHA.token, "$distinct_id": "u"}
    return {key: value for key, value in (known | _named(operations)).items() if key != without}


def group(*, without: str = "", **operations: Any) -> dict[str, Any]:
    """A group's record."""
    known = {"$token": ALPHA.token, "$group_key": "company", "$group_id": "Acme"}
    return {key: value for key, value in (known | _named(operations)).items() if key != without}


def _named(operations: dict[str, Any]) -> dict[str, Any]:
    return {f"${name}": operand for name, operand in operations.items()}


def ingest(body: bytes, to: Arrival = ENGAGE, *, lines: bool = False) -> tuple[Ingested, list[Entry]]:
    """Split, apply the rules, read back; and check what holds of every request: the outcomes add up, and are the same
    without the fast path."""
    ingested = ingest_update_body(body, to, lines=lines)
    assert ingested == ingest_updates(split_updates(body, lines=lines), to)
    entries = entries_of(ingested)
    assert len({entry.project_id for entry in entries}) == len(entries)
    assert ingested.received == ingested.accepted + ingested.ignored + len(ingested.failures)
    assert sum(len(entry.updates) for entry in entries) == ingested.accepted
    assert sum(entry.ignored for entry in entries) == ingested.ignored
    kept = sum(len(entry.rejections) + sum(number for _, number in entry.counted) for entry in entries)
    assert kept == len(ingested.failures) == ingested.rejected.total()
    assert {entry.endpoint for entry in entries} <= {to.endpoint}
    assert all(entry.events.number == 0 and entry.received_us == NOW_S * 1_000_000 for entry in entries)
    return ingested, entries


def outcome(value: Any, to: Arrival = ENGAGE) -> Outcome:
    """What became of a record, the same in every form of a body."""
    text = value if isinstance(value, bytes) else dumps(value)
    filler = GROUP_TEXTS if to.endpoint is Endpoint.GROUPS else TEXTS
    found = [_last(body, to, lines, text) for _, body, lines in forms(text, filler)]
    assert found == [found[0]] * len(found)
    return found[0]


def taken(value: Any, to: Arrival = ENGAGE) -> Taken:
    """The update of a record that must be accepted."""
    found = outcome(value, to)
    assert isinstance(found, Taken), found
    return found


def operations(to: Arrival = ENGAGE, **given: Any) -> dict[str, Any]:
    """What is kept of a user's operations, `$last_seen` apart."""
    return taken(user(ignore_time=True, **given), to).operations


def refused(value: Any, to: Arrival = ENGAGE) -> tuple[str, str]:
    """The field and message of a record that must be rejected."""
    found = outcome(value, to)
    assert isinstance(found, tuple), found
    return found


def invalid(field: str, why: str) -> tuple[str, str]:
    return field, f"'{field}' is invalid: {why}"


def _last(body: bytes, to: Arrival, lines: bool, text: bytes) -> Outcome:
    ingested, entries = ingest(body, to, lines=lines)
    index = ingested.received - 1
    failure = next((each for each in ingested.failures if each.index == index), None)
    if failure is not None:
        return _rejection(failure, entries, text.replace(b"\n", b" ") if lines else text)
    if ingested.ignored:
        return None
    (project_id, update) = [(entry.project_id, update) for entry in entries for update in entry.updates][-1]
    return _taken(project_id, update)


def _rejection(failure: Failure, entries: list[Entry], text: bytes) -> tuple[str, str]:
    found = [each for entry in entries for each in entry.rejections if each.index == failure.index]
    if not found:
        assert failure.message in [reason for entry in entries for reason, _ in entry.counted]
        return failure.field, failure.message
    (kept,) = found
    too_large = len(text) > REQUEST_ORIGINALS_BYTES_MAX
    original = b"" if too_large or "belongs to region" in failure.message else redact.kept(text)
    assert (kept.field, kept.reason, kept.original) == (failure.field, failure.message, original)
    assert (kept.insert_id, failure.insert_id) == ("", "")
    return failure.field, failure.message


def _taken(project_id: int, update: Update) -> Taken:
    return Taken(project_id, update.group_key, update.profile_id, msgspec.json.decode(update.operations))
