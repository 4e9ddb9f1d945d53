"""An export: a file for each day of a range of loading, and the state that says where the next range begins.

The range is noted before its first file is written. So an export that is killed makes the same range again, under the
same names, before it goes on.
"""

import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from trackway.domain.errors import StateError
from trackway.transfer.connection import Address, Broken, Connection, Stopped
from trackway.transfer.destinations import Destination
from trackway.transfer.event_columns import Column, FileFormat, Row, open_file, open_text
from trackway.transfer.limits import (
    AGAIN_S_MAX,
    AGAIN_S_MIN,
    EXPORT_GROUP_BYTES_MAX,
    EXPORT_ROWS,
    EXPORT_TRIES_MAX,
    RETRY_AFTER_S_MAX,
)
from trackway.transfer.reply_lines import lines_of

STATE: Final = "_trackway_export.json"
_VERSION: Final = 1
_OURS: Final = re.compile(r"day=\d{4}-\d\d-\d\d/events-(\d{19})-\d{19}\.")
_PATH: Final = "/api/app/loaded-events"


class Export(NamedTuple):
    """What to export. `columns` are those of CSV and Parquet. `events`: names of events, all where it is empty."""

    address: Address
    destination: Destination
    format: FileFormat
    columns: Sequence[Column]
    events: Sequence[str]
    packed: bool
    since_last: bool
    identity: str
    """What makes the files of one destination belong together: project, format, columns and names of events."""


class Day(NamedTuple):
    """A day of a range, with about so many events."""

    day: str
    events: int


class State(NamedTuple):
    """Where the next range begins, and the end of one that was begun and not finished; 0 for none. `ended_ms`: when the
    last export ended, in milliseconds since the epoch, 0 where that is unknown."""

    identity: str
    next_position: int = 0
    begun_position: int = 0
    ended_ms: int = 0


class Written(NamedTuple):
    """What an export wrote: files, events, and the positions it went through."""

    files: int
    events: int
    from_position: int
    before_position: int

    def after(self, before: "Written") -> "Written":
        """Both of two ranges, one behind the other."""
        files, events = before.files + self.files, before.events + self.events
        return Written(files, events, before.from_position, self.before_position)


def identity_of(token: str, format_: FileFormat, columns: Sequence[str], events: Sequence[str], *, packed: bool) -> str:
    """The `identity` of an export. `columns`: properties that have a column, as options name them."""
    same = [token, format_.value, list(columns), sorted(events), packed]
    return sha256(json.dumps(same).encode()).hexdigest()[:32]


class Exporter:
    """Runs an export. `tell` gets the days of the range once and then each day that is done."""

    def __init__(self, export: Export, begin: Callable[[list[Day]], object], tell: Callable[[Day], object]):
        self._export = export
        self._begin = begin
        self._tell = tell
        self._stop = threading.Event()
        self._connection = Connection(export.address, self._stop)

    def run(self) -> Written:
        """Write all days. Raises StateError; what was written then stays, and is written again by the next run."""
        self._export.destination.clean()
        state = self.state()
        try:
            if not self._export.since_last:
                return self._run_range(0, None)
            before = Written(0, 0, state.next_position, state.next_position)
            if state.begun_position:
                before = self._run_range(state.next_position, state.begun_position)
            found = self._run_range(before.before_position, None)
            return found.after(before)
        finally:
            self._connection.close()

    def _run_range(self, begin: int, wanted_end: int | None) -> Written:
        end, days = self._days(begin, wanted_end)
        if end < begin:
            raise StateError(
                "the server has fewer events than were exported, as after a restore: export everything anew, once "
                "without --since-last or to another destination"
            )
        self._save(State(self._export.identity, begin, end))
        self._begin(days)
        files = events = 0
        kept = set()
        for day in days:
            name = self._name(day.day, begin, end)
            if count := self._write(name, day, begin, end):
                files, events = files + 1, events + count
                kept.add(name)
            self._tell(day)
        self._remove_others(begin, kept)
        self._save(State(self._export.identity, end, ended_ms=time.time_ns() // 1_000_000))
        return Written(files, events, begin, end)

    def state(self) -> State:
        """The state of the destination. Raises StateError for that of another export, so that files never mix."""
        text = self._export.destination.read(STATE)
        if text is None:
            return State(self._export.identity)
        try:
            found = orjson.loads(text)
            positions = int(found["next_position"]), int(found["begun_position"])
            state = State(str(found["identity"]), *positions, int(found.get("ended_ms", 0)))
            known = found["version"] == _VERSION
        except (ValueError, KeyError, TypeError) as error:
            raise StateError(f"{STATE} of the destination cannot be read: remove it to export everything") from error
        if not known or state.identity != self._export.identity:
            raise StateError(
                "the destination has files of another project, format, column or event: name another destination"
            )
        return state

    def _save(self, state: State) -> None:
        text = orjson.dumps({"version": _VERSION, **state._asdict()}, option=orjson.OPT_APPEND_NEWLINE)
        self._export.destination.write(STATE, text)

    def _days(self, begin: int, end: int | None) -> tuple[int, list[Day]]:
        parameters = self._range(begin, end)
        answer = self._connection.ask("GET", f"{_PATH}/days", parameters)
        if answer.status != http.HTTPStatus.OK:
            raise StateError(f"server refused: {answer.status} {answer.body[:300].decode(errors='replace')}")
        found = orjson.loads(answer.body)
        return int(found["before_position"]), [Day(each["day"], int(each["events"])) for each in found["days"]]

    def _range(self, begin: int, end: int | None) -> dict[str, str]:
        given = {"from_position": str(begin)} if begin else {}
        if end is not None:
            given["before_position"] = str(end)
        if self._export.events:
            given["event"] = orjson.dumps(list(self._export.events)).decode()
        return given

    def _name(self, day: str, begin: int, end: int) -> str:
        """The file of a day: below one folder a day, as warehouses read partitions."""
        ending = self._export.format.value
        ending += ".gz" if self._export.packed and self._export.format is not FileFormat.PARQUET else ""
        return f"day={day}/events-{begin:019d}-{end:019d}.{ending}"

    def _remove_others(self, begin: int, kept: set[str]) -> None:
        """Remove files of other ranges that begin where this one begins or later: those of a killed run, and where all
        is exported anew those of all earlier exports."""
        for name in self._export.destination.names():
            match = _OURS.match(name)
            if match and int(match[1]) >= begin and name not in kept:
                self._export.destination.remove(name)

    def _write(self, name: str, day: Day, begin: int, end: int) -> int:
        """The events of a day, as a file; their number. A day that breaks off is asked for again."""
        pause_s = AGAIN_S_MIN
        for tries_left in reversed(range(EXPORT_TRIES_MAX)):
            try:
                return self._write_once(name, day, begin, end)
            except Broken as error:
                wait_s = pause_s if error.retry_after_s is None else error.retry_after_s
                if not tries_left or wait_s > RETRY_AFTER_S_MAX:
                    raise StateError(f"day {day.day} could not be exported: {error}") from error
                if self._stop.wait(wait_s):
                    raise Stopped from error
                pause_s = min(2 * pause_s, AGAIN_S_MAX)
        raise AssertionError("the last try returns or raises")

    def _write_once(self, name: str, day: Day, begin: int, end: int) -> int:
        export, is_lines = self._export, self._export.format is FileFormat.LINES
        form = "lines" if is_lines else "rows"
        asked = {**self._range(begin, end), "day": day.day, "format": form}
        count = 0
        with self._connection.stream(_PATH, asked) as response:
            lines = lines_of(response)
            if (first := next(lines, None)) is None:
                return 0
            with export.destination.writing(name) as path:
                if is_lines:
                    return _copy(first, lines, path, packed=export.packed)
                file = open_file(export.format, path, export.columns, packed=export.packed)
                try:
                    for group in _groups(first, lines):
                        file.write(group)
                        count += len(group)
                finally:
                    file.close()
        return count


def _copy(first: bytes, lines: Iterator[bytes], path: Path, *, packed: bool) -> int:
    count = 0
    with open_text(path, packed=packed) as file:
        for line in _chained(first, lines):
            file.write(line.decode() + "\n")
            count += 1
    return count


def _chained(first: bytes, lines: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from lines


def _groups(first: bytes, lines: Iterator[bytes]) -> Iterator[list[Row]]:
    """Rows in groups that are bounded in number and bytes."""
    group: list[Row] = []
    size = 0
    for line in _chained(first, lines):
        row: dict[str, Any] = orjson.loads(line)
        group.append(row)
        size += len(line)
        if len(group) == EXPORT_ROWS or size > EXPORT_GROUP_BYTES_MAX:
            yield group
            group, size = [], 0
    if group:
        yield group
