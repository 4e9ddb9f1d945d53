"""Batches of records: read from the files, given their shape, and made ready to be one request each."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, overload

import orjson

from trackway.domain.errors import StateError
from trackway.domain.limits import EVENT_BYTES_MAX, RECORDS_PER_REQUEST_MAX
from trackway.transfer.formats import Format
from trackway.transfer.insert_ids import QUOTED, add_insert_id, with_insert_id
from trackway.transfer.limits import IMPORT_BODY_BYTES_MAX
from trackway.transfer.readers import Block, Unreadable
from trackway.transfer.shapes import Refused, Shape

_READY_BYTES_MAX: Final = IMPORT_BODY_BYTES_MAX // RECORDS_PER_REQUEST_MAX
"""Bytes of a line of which RECORDS_PER_REQUEST_MAX fit into a body."""


class Rejection(NamedTuple):
    """A record that was not imported. `text` is the record as the file has it."""

    number: int
    field: str
    reason: str
    text: bytes


class Sendable(NamedTuple):
    """A record to send: `text` as the file has it, `body` as the API takes it, on one line."""

    number: int
    text: bytes
    body: bytes


class ReadyLines(Sequence[Sendable]):
    """Lines that are sent as they are. `first`: the number of the first. No object is made for a record that is not
    looked at, which halves the cost of an import beside the server."""

    def __init__(self, first: int, lines: list[bytes]):
        self._first = first
        self.bodies = lines

    def __len__(self) -> int:
        return len(self.bodies)

    @overload
    def __getitem__(self, index: int) -> Sendable: ...
    @overload
    def __getitem__(self, index: slice) -> "ReadyLines": ...
    def __getitem__(self, index: int | slice) -> "Sendable | ReadyLines":
        if isinstance(index, slice):
            begin, _, step = index.indices(len(self.bodies))
            assert step == 1, "only runs of lines have one first number"
            return ReadyLines(self._first + begin, self.bodies[index])
        line = self.bodies[index]
        return Sendable(self._first + index, line, line)


class Batch(NamedTuple):
    """Some records of one file, in order: those to send, and those that are not sent. `end`: the number of the last
    record of the file that is behind it. `read_bytes`: stored bytes of all files that were read for it."""

    source: str
    end: int
    records: "list[Sendable] | ReadyLines"
    rejected: list[Rejection]
    read_bytes: int = 0


class Forming(NamedTuple):
    """How records become what the API takes. Without a shape they are events in Mixpanel's own form."""

    shape: Shape | None
    with_ids: bool
    is_text: bool = False


def batches_of(name: str, blocks: Iterator[Block], forming: Forming, skipped: int) -> Iterator[Batch]:
    """The records of a source behind the first `skipped` ones. Raises StateError where the file cannot be read on,
    behind the batch of what came before."""
    broken: list[StateError] = []
    number = 0
    ready: list[bytes] = []  # the lines up to `number`, if they are sent as they are
    for block in _until_broken(blocks, broken):
        if number + len(block) <= skipped:
            number += len(block)
            continue
        if forming.shape is None and forming.with_ids and number >= skipped and (lines := _ready(block)):
            ready += lines
            number += len(lines)
            while len(ready) >= RECORDS_PER_REQUEST_MAX:
                first = number - len(ready) + 1
                yield _of_ready(name, first, ready[:RECORDS_PER_REQUEST_MAX])
                ready = ready[RECORDS_PER_REQUEST_MAX:]
            continue
        if ready:
            yield _of_ready(name, number - len(ready) + 1, ready)
            ready = []
        yield from _formed_batches(name, block, forming, number, skipped)
        number += len(block)
    yield _of_ready(name, number - len(ready) + 1, ready) if ready else Batch(name, max(number, skipped), [], [])
    if broken:
        raise broken[0]


def _ready(block: Block) -> list[bytes] | None:
    """The lines of a block, if each is sent as it is: it has its `$insert_id`, and so many are a bounded body."""
    lines = [line for line in block if type(line) is bytes and QUOTED in line]
    if len(lines) != len(block) or max(map(len, lines), default=0) > _READY_BYTES_MAX:
        return None
    text = b"".join(lines)
    return None if b"\r" in text or b"\n" in text else lines


def _of_ready(name: str, first: int, lines: list[bytes]) -> Batch:
    return Batch(name, first + len(lines) - 1, ReadyLines(first, lines), [])


def _formed_batches(name: str, block: Block, forming: Forming, number: int, skipped: int) -> Iterator[Batch]:
    """The records of a block that begins behind a number, each with its form."""
    size = 0
    records: list[Sendable] = []
    batch = Batch(name, number, records, [])
    for text in block:
        number += 1
        if number <= skipped or not text or (isinstance(text, bytes) and text.isspace()):
            continue
        formed = _formed(name, number, text, forming)
        if isinstance(formed, Rejection):
            batch.rejected.append(formed)
            continue
        if records and size + len(formed.body) > IMPORT_BODY_BYTES_MAX:
            yield batch._replace(end=number - 1)
            records, size = [], 0
            batch = Batch(name, number, records, [])
        records.append(formed)
        size += len(formed.body) + 1
        if len(records) == RECORDS_PER_REQUEST_MAX:
            yield batch._replace(end=number)
            records, size = [], 0
            batch = Batch(name, number, records, [])
    if records or batch.rejected:
        yield batch._replace(end=number)


def _until_broken(blocks: Iterator[Block], broken: list[StateError]) -> Iterator[Block]:
    """The blocks up to where the file cannot be read on; `broken` gets why."""
    try:
        yield from blocks
    except StateError as error:
        broken.append(error)
    except (OSError, EOFError) as error:
        broken.append(StateError(f"the file cannot be read on: {error}"))


def _formed(name: str, number: int, text: bytes | Unreadable, forming: Forming) -> Sendable | Rejection:
    if isinstance(text, Unreadable):
        return Rejection(number, "", text.reason, text.text)
    body = _shaped(name, number, text, forming) if forming.shape else _native(name, number, text, forming)
    if isinstance(body, Refused):
        return Rejection(number, body.field, body.reason, text)
    if len(body) > EVENT_BYTES_MAX:
        return Rejection(number, "", f"longer than {EVENT_BYTES_MAX} bytes", text)
    return Sendable(number, text, body)


def _native(name: str, number: int, text: bytes, forming: Forming) -> bytes:
    """An event as it is in the file. A JSON array may have line ends within its objects, which lines may not."""
    body = with_insert_id(text, name, number) if forming.with_ids else text
    return body.replace(b"\n", b" ").replace(b"\r", b" ") if b"\n" in body or b"\r" in body else body


def _shaped(name: str, number: int, text: bytes, forming: Forming) -> bytes | Refused:
    assert forming.shape is not None
    try:
        record = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return Refused("", f"no JSON: {error}")
    if not isinstance(record, dict):
        return Refused("", "no JSON object")
    formed = forming.shape(record)
    if isinstance(formed, Refused):
        return formed
    if forming.with_ids:
        add_insert_id(formed, name, number, text)
    try:
        return orjson.dumps(formed)
    except TypeError as error:
        return Refused("", f"no JSON: {error}")


FORMS_OF_COLUMNS = frozenset({Format.CSV, Format.PARQUET})
"""Formats whose records are rows of columns, which need a mapping."""
