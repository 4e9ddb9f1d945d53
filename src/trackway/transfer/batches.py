"""Batches of records: read from the files, given their shape, and made ready to be one request each."""

from collections.abc import Iterator
from typing import NamedTuple

import orjson

from trackway.domain.errors import StateError
from trackway.domain.limits import EVENT_BYTES_MAX, RECORDS_PER_REQUEST_MAX
from trackway.transfer.formats import Format
from trackway.transfer.insert_ids import add_insert_id, with_insert_id
from trackway.transfer.limits import IMPORT_BODY_BYTES_MAX
from trackway.transfer.readers import Block, Unreadable
from trackway.transfer.shapes import Refused, Shape


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


class Batch(NamedTuple):
    """Some records of one file, in order: those to send, and those that are not sent. `end`: the number of the last
    record of the file that is behind it. `read_bytes`: stored bytes of all files that were read for it."""

    source: str
    end: int
    records: list[Sendable]
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
    number, size = 0, 0
    batch = Batch(name, skipped, [], [])
    for block in _until_broken(blocks, broken):
        if number + len(block) <= skipped:
            number += len(block)
            continue
        for text in block:
            number += 1
            if number <= skipped or not text:
                continue
            if isinstance(text, bytes) and text.isspace():
                continue
            formed = _formed(name, number, text, forming)
            if isinstance(formed, Rejection):
                batch.rejected.append(formed)
                continue
            if batch.records and size + len(formed.body) > IMPORT_BODY_BYTES_MAX:
                yield batch._replace(end=number - 1)
                batch, size = Batch(name, number, [], []), 0
            batch.records.append(formed)
            size += len(formed.body) + 1
            if len(batch.records) == RECORDS_PER_REQUEST_MAX:
                yield batch._replace(end=number)
                batch, size = Batch(name, number, [], []), 0
        if len(batch.rejected) > RECORDS_PER_REQUEST_MAX:
            yield batch._replace(end=number)
            batch, size = Batch(name, number, [], []), 0
    yield batch._replace(end=max(number, skipped))
    if broken:
        raise broken[0]


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
