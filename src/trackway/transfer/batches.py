"""Batches of records: read from the files, given their shape, and made ready to be one request each."""

from collections.abc import Iterator
from io import BytesIO
from typing import NamedTuple, TypeVar

import orjson

from trackway.domain.errors import StateError
from trackway.domain.limits import EVENT_BYTES_MAX, RECORDS_PER_REQUEST_MAX
from trackway.domain.line_ids import add_insert_id, with_insert_id
from trackway.transfer.exact_json import parsed
from trackway.transfer.formats import Format
from trackway.transfer.limits import IMPORT_BODY_BYTES_MAX
from trackway.transfer.readers import Block, Unreadable
from trackway.transfer.shapes import Refused, Shape

Read = TypeVar("Read")


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


class Lines(NamedTuple):
    """Lines of a file that are sent as they are, in one piece: nothing is made for a line that nobody looks at. `first`
    is the number of the first, `number` how many there are, blank ones included."""

    first: int
    number: int
    text: bytes

    def behind(self, skipped: int) -> "Lines":
        """The lines whose numbers are higher; there is one at least."""
        left_out = max(skipped + 1 - self.first, 0)
        if not left_out:
            return self
        return Lines(self.first + left_out, self.number - left_out, self.text.split(b"\n", left_out)[-1])

    def present(self) -> list[tuple[int, bytes]]:
        """The lines that are not blank, with their numbers."""
        lines = enumerate(self.text.split(b"\n"), self.first)
        return [(number, line) for number, line in lines if not _is_blank(line)]

    def formed(self, name: str, *, with_ids: bool) -> "list[Sendable | Rejection]":
        """Each of these by itself, as a file of that name has it."""
        return [_formed(name, number, line, Forming(None, with_ids)) for number, line in self.present()]


class Batch(NamedTuple):
    """Some records of one file, in order: those to send, and those that are not sent. `end`: the number of the last
    record of the file that is behind it. `read_bytes`: stored bytes of all files that were read for it."""

    source: str
    end: int
    records: "list[Sendable] | Lines"
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
    for block in _until_broken(blocks, broken):
        if number + len(block) > skipped:
            yield from _formed_batches(name, block, forming, number, skipped)
        number += len(block)
    yield Batch(name, max(number, skipped), [], [])
    if broken:
        raise broken[0]


def batches_of_lines(name: str, pieces: Iterator[bytes | Unreadable], skipped: int) -> Iterator[Batch]:
    """The lines of a source behind the first `skipped` ones, as they are. Raises as `batches_of`."""
    broken: list[StateError] = []
    number = 0
    for piece in _until_broken(pieces, broken):
        if isinstance(piece, Unreadable):
            number += 1
            if number > skipped:
                yield Batch(name, number, [], [Rejection(number, "", piece.reason, piece.text)])
            continue
        lines_read = Lines(number + 1, _line_ends(piece) + 1, piece)
        end = number + lines_read.number
        if end > skipped:
            for lines in _bounded(lines_read.behind(skipped)):
                yield Batch(name, lines.first + lines.number - 1, lines, [])
        number = end
    yield Batch(name, max(number, skipped), [], [])
    if broken:
        raise broken[0]


def _bounded(lines: Lines) -> Iterator[Lines]:
    """Lines as one body or more."""
    first, number, text = lines
    if number == 1 or (number <= RECORDS_PER_REQUEST_MAX and len(text) <= IMPORT_BODY_BYTES_MAX):
        yield lines
        return
    middle = text.find(b"\n", len(text) // 2)
    middle = middle if middle >= 0 else text.rfind(b"\n")
    half = text[:middle]
    before = _line_ends(half) + 1
    yield from _bounded(Lines(first, before, half))
    yield from _bounded(Lines(first + before, number - before, text[middle + 1 :]))


def _line_ends(text: bytes) -> int:
    """How many lines end in a text. To read the lines takes a third of the time of `count`."""
    return sum(1 for _ in BytesIO(text)) - (not text.endswith(b"\n") and text != b"")


def _formed_batches(name: str, block: Block, forming: Forming, number: int, skipped: int) -> Iterator[Batch]:
    """The records of a block that begins behind a number, each with its form."""
    size = 0
    records: list[Sendable] = []
    batch = Batch(name, number, records, [])
    for text in block:
        number += 1
        if number <= skipped or (isinstance(text, bytes) and _is_blank(text)):
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


def _is_blank(line: bytes) -> bool:
    return not line or line.isspace()


def _until_broken(read: Iterator[Read], broken: list[StateError]) -> Iterator[Read]:
    """What is read up to where the file cannot be read on; `broken` gets why."""
    try:
        yield from read
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
        record = parsed(text)
    except ValueError as error:
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
