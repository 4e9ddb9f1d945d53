"""The `$insert_id`s that the server makes for lines of a file whose events have none (`domain.line_ids`)."""

from collections.abc import Callable
from io import BytesIO

import msgspec
from msgspec import UNSET

from trackway.domain.line_ids import NAME, LineSource, made_id, with_insert_id_anyway
from trackway.ingest.lenient_split import WHITESPACE
from trackway.ingest.raw_fields import EventRecord

MadeId = Callable[[int], str]
"""The made `$insert_id` of an event, by its place in the body."""

_NULL = msgspec.Raw(b"null")


class LineIds:
    """The made ids of a body of lines. They are numbered when the first id is asked for; a blank line has a number, and
    no place."""

    def __init__(self, body: bytes, source: LineSource):
        self._body = body
        self._source = source
        self._lines: list[tuple[int, bytes]] = []

    def __call__(self, index: int) -> str:
        number, line = self._line(index)
        return made_id(self._source.name, number, line)

    def original(self, index: int) -> bytes:
        """A line with its id in it: what is kept of a rejected one, so that a replay stores it under that id."""
        number, line = self._line(index)
        return with_insert_id_anyway(line, self._source.name, number).strip(WHITESPACE)

    def _line(self, index: int) -> tuple[int, bytes]:
        self._lines = self._lines or self._numbered()
        return self._lines[index]

    def _numbered(self) -> list[tuple[int, bytes]]:
        lines = enumerate(BytesIO(self._body), self._source.first)
        return [(number, line.removesuffix(b"\n")) for number, line in lines if line.strip(WHITESPACE)]


def give_id(record: EventRecord, made: MadeId, index: int) -> None:
    """Give an event its made `$insert_id`, unless it has one."""
    members = record.properties
    if members is not UNSET and members.get(NAME, _NULL) == _NULL:
        members[NAME] = msgspec.Raw(b'"%b"' % made(index).encode())
