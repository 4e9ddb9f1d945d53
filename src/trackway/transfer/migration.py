"""A migration: events day by day, then profiles page by page, from one project to another.

A day counts when all of it was sent, a page too. So a migration that is interrupted repeats a day at most. Nothing is
doubled: events keep their `$insert_id`s, and profiles are set.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import orjson
from xxhash import xxh3_128_hexdigest

from trackway.domain.errors import StateError
from trackway.domain.line_ids import NAME
from trackway.transfer.batch_sending import EVENTS, GROUPS, USERS, Sent, Target
from trackway.transfer.batches import Batch, Forming, batches_of
from trackway.transfer.connection import Address, Broken
from trackway.transfer.limits import AGAIN_S_MAX, EQUAL_LINES_MAX, EXPORT_TRIES_MAX, READ_BYTES
from trackway.transfer.mixpanel_source import MixpanelSource
from trackway.transfer.pipeline import Pipeline, SourceBroken
from trackway.transfer.progress_file import replace_document
from trackway.transfer.readers import Block
from trackway.transfer.rejected_file import RejectedFile
from trackway.transfer.shapes import Owner, Refused, Shape, Values, profile

_VERSION: Final = 1
_ID_CHARACTERS_MAX: Final = 36
_BLOCK_LINES: Final = 500


class Order(NamedTuple):
    """What to migrate. `groups`: keys of groups, each with the id that the source gives it. `time_zone`: that in which
    the source exports times, None where they are in UTC."""

    address: Address
    token: str
    days: list[date]
    groups: dict[str, str]
    time_zone: ZoneInfo | None
    connections: int
    rejected_path: Path
    packed: bool


class Progress:
    """How far a migration is, in a file that is replaced as a whole."""

    def __init__(self, path: Path):
        self.path = path
        self.resumed = False
        self.days: dict[str, int] = {}
        """Days that are done, with the number of their lines."""
        self.pages: dict[str, int] = {}
        """Profiles that are done, by the key of their group; users by the empty key."""
        self.imported = 0
        self.rejected: Counter[str] = Counter()
        self.rejected_bytes = 0
        self.asked: dict[str, list[float]] = {"export": [], "query": []}

    def load(self) -> None:
        """Read what an interrupted migration has left, if it can be read."""
        try:
            found = json.loads(self.path.read_text())
            if found["version"] != _VERSION:
                return
            days, pages = dict(found["days"]), dict(found["pages"])
            rejected, asked = Counter(found["rejected"]), found["asked"]
            self.asked = {name: [float(each) for each in asked[name]] for name in ("export", "query")}
            self.imported, self.rejected_bytes = int(found["imported"]), int(found["rejected_bytes"])
        except (OSError, ValueError, KeyError, TypeError):
            return
        self.days, self.pages, self.rejected, self.resumed = days, pages, rejected, True

    def save(self) -> None:
        """Replace the file. Raises StateError where it cannot be written."""
        document = {
            "version": _VERSION,
            "days": self.days,
            "pages": self.pages,
            "imported": self.imported,
            "rejected": dict(self.rejected),
            "rejected_bytes": self.rejected_bytes,
            "asked": self.asked,
        }
        replace_document(self.path, document)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


class Migration:
    """Runs an order. `tell` gets a sentence about each day and each page that is done."""

    def __init__(self, order: Order, source: MixpanelSource, progress: Progress, tell: Callable[[str], object]):
        self._order = order
        self._source = source
        self._progress = progress
        self._tell = tell
        self._rejected = RejectedFile(order.rejected_path, progress.rejected_bytes)

    def run(self) -> None:
        """Copy everything. Raises StateError; Stopped. The progress is saved behind each day and each page."""
        try:
            for day in self._order.days:
                if day.isoformat() not in self._progress.days:
                    self._day(day)
            for key, group_id in {"": "", **self._order.groups}.items():
                self._profiles(key, group_id)
        finally:
            self._rejected.close()

    def _day(self, day: date) -> None:
        """The events of a day. One that breaks off is asked for again."""
        for tries_left in reversed(range(EXPORT_TRIES_MAX)):
            outcome = _Outcome()
            shape = mixpanel_event(self._order.time_zone)
            forming = Forming(shape, with_ids=False)
            target = Target(*EVENTS, packed=self._order.packed, with_ids=False)
            pipeline = Pipeline(self._order.address, target, self._order.connections, outcome.count)
            try:
                with self._source.events(day.isoformat()) as lines:
                    pipeline.run(batches_of(f"mixpanel {day}", _blocks(lines, outcome), forming, 0))
            except (Broken, SourceBroken) as error:
                if not tries_left:
                    raise StateError(f"the source broke off at {day}: {error}") from error
                wait_s = error.retry_after_s if isinstance(error, Broken) else None
                time.sleep(min(wait_s, 3600.0) if wait_s is not None else AGAIN_S_MAX / EXPORT_TRIES_MAX)
                continue
            self._done(outcome)
            self._progress.days[day.isoformat()] = outcome.lines
            self._progress.save()
            self._tell(f"{day}: {outcome.lines} events")
            return

    def _profiles(self, key: str, group_id: str) -> None:
        """The profiles of users, or of a group key. They begin anew where they were interrupted: a session does not
        live as long as an interruption, and setting a profile again changes nothing."""
        if key in self._progress.pages:
            return
        path, parameters = GROUPS if key else USERS
        target = Target(path, parameters, packed=self._order.packed, with_ids=False)
        forming = Forming(profile(Owner(self._order.token, key), None), with_ids=False)
        session, page, number = "", 0, 0
        while True:
            found = self._source.profiles(group_id, session, page)
            outcome = _Outcome()
            block: Block = [orjson.dumps(each) for each in found.profiles]
            pipeline = Pipeline(self._order.address, target, self._order.connections, outcome.count)
            pipeline.run(batches_of(f"profiles {key}".strip(), iter([block]), forming, 0))
            self._done(outcome)
            number += len(block)
            self._tell(f"profiles{f' of {key}' if key else ''}: {number}")
            if not found.session:
                break
            session, page = found.session, found.next_page
        self._progress.pages[key] = number
        self._progress.save()

    def _done(self, outcome: "_Outcome") -> None:
        """Count a day or a page, once all of it was sent."""
        progress = self._progress
        for batch, sent in outcome.rejected:
            self._rejected.write(batch, sent.rejected)
            progress.rejected.update(each.reason for each in sent.rejected)
        progress.imported += outcome.imported
        progress.rejected_bytes = self._rejected.size_bytes


class _Outcome:
    """What a day or a page came to."""

    def __init__(self) -> None:
        self.lines = 0
        self.imported = 0
        self.rejected: list[tuple[str, Sent]] = []

    def count(self, batch: Batch, sent: Sent) -> None:
        self.imported += sent.imported
        if sent.rejected:
            self.rejected.append((batch.source, sent))


def _blocks(lines: Iterator[bytes], outcome: _Outcome) -> Iterator[Block]:
    """The lines of a source in blocks. One that breaks off ends the batches as a broken file does."""
    block: Block = []
    size = 0
    try:
        for line in lines:
            outcome.lines += 1
            block.append(line)
            size += len(line)
            if len(block) == _BLOCK_LINES or size > READ_BYTES:
                yield block
                block, size = [], 0
    except Broken as error:
        raise SourceBroken(str(error)) from error
    if block:
        yield block


def mixpanel_event(time_zone: ZoneInfo | None) -> Shape:
    """The event of a line of Mixpanel's export. An `$insert_id` that `/import` would refuse, or that is missing, is
    replaced by a hash of the event; equal lines of one day are numbered. `time_zone`: times are those of its clocks."""
    seen: Counter[str] = Counter()

    def shape(record: Values) -> Values | Refused:
        properties = record.get("properties")
        if not isinstance(properties, dict):
            return Refused("properties", "no properties")
        own: Values = {}
        if not _is_id(properties.get(NAME)):
            digest = xxh3_128_hexdigest(orjson.dumps(record))
            if len(seen) >= EQUAL_LINES_MAX and digest not in seen:
                seen.clear()
            seen[digest] += 1
            own[NAME] = xxh3_128_hexdigest(f"{digest} {seen[digest]}".encode())
        if time_zone is not None and isinstance(properties.get("time"), int | float):
            own["time"] = _in_utc(properties["time"], time_zone)
        return {**record, "properties": {**properties, **own}}

    return shape


def _is_id(value: Any) -> bool:
    is_short = isinstance(value, str) and 0 < len(value) <= _ID_CHARACTERS_MAX and value.isascii()
    return is_short and value.replace("-", "").isalnum()


def _in_utc(time_ms: float, zone: ZoneInfo) -> int:
    """The instant at which the clocks of a zone show what a time shows in UTC."""
    shown = datetime(1970, 1, 1) + timedelta(milliseconds=time_ms)
    return round(shown.replace(tzinfo=zone).timestamp() * 1000)
