"""Files of the events that a page has chosen: JSON lines of any number, or a bounded table in Parquet or CSV.

They are read as exports are: by the same lane of the store, the same right, and within the same limits of the project.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from starlette.responses import Response

from trackway.domain.errors import RequestError
from trackway.edge.quotas.rate_limits import EXPORTING, RateLimits
from trackway.edge.wire.asgi import SAME_ORIGIN, Receive, Scope, Send
from trackway.edge.wire.streaming import send_stream
from trackway.projects.project import Project
from trackway.query.event_files import (
    CELL_COLUMNS,
    event_cells,
    event_lines,
    event_table,
    frequent_names,
    is_more_than,
)
from trackway.query.filtered_events import FilteredEvents
from trackway.store.errors import RESULT_TOO_LARGE, StoreError
from trackway.store.reader import Reader
from trackway.web.csv_table import sheet_text
from trackway.web.limits import (
    EVENT_CSV_COLUMNS_BYTES_MAX,
    EVENT_CSV_COLUMNS_MAX,
    EVENT_CSV_EVENTS_MAX,
    EVENT_TABLE_EVENTS_MAX,
)
from trackway.web.store_errors import answer_of

SMALLER: Final = "choose fewer days, or filter further"
OTHERS: Final = "other_properties"
"""The last column of CSV: a JSON object of the properties without a column."""


class Format(Enum):
    """The formats of a file, each by its ending."""

    LINES = "jsonl"
    TABLE = "parquet"
    CELLS = "csv"

    @property
    def path(self) -> str:
        """The last part of the address of such a file; `csv` is that of a report's figures."""
        return "events-csv" if self is Format.CELLS else self.value


_CONTENT_TYPES: Final = {
    Format.LINES: b"application/jsonl",
    Format.TABLE: b"application/vnd.apache.parquet",
    Format.CELLS: b"text/csv; charset=utf-8",
}


class FileParts(NamedTuple):
    """What a file of events needs: the reader of exports, and the limits."""

    exports: Reader
    rates: RateLimits


@dataclass(frozen=True)
class EventsFile(Response):
    """The reply with a file of the events that `choose` gives. The question is counted, and asked, when it is sent.
    `columns`: the properties with columns of their own in a CSV, the most frequent ones where it is empty.

    Sending raises RequestError 429 beyond the limits of the project, 400 for too many events, and 503; ClientGone.
    """

    parts: FileParts
    project: Project
    format: Format
    choose: Callable[[Reader], Awaitable[FilteredEvents]]
    columns: Sequence[str] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        named = (b"content-disposition", f'attachment; filename="events.{self.format.value}"'.encode())
        content_type = _CONTENT_TYPES[self.format]
        if scope["method"] == "HEAD":
            await send(
                {"type": "http.response.start", "status": 200, "headers": [(b"content-type", content_type), named]}
            )
            await send({"type": "http.response.body"})
            return
        self.parts.rates.begin(self.project, EXPORTING)
        try:
            await send_stream(
                {**scope, SAME_ORIGIN: True},
                receive,
                send,
                self._opened(),
                content_type,
                "a file of events",
                chosen=False,
                more=(named,),
            )
        finally:
            self.parts.rates.end(self.project, EXPORTING)

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[AsyncIterator[bytes]]:
        reader, project_id = self.parts.exports, self.project.project_id
        chosen = await answer_of(self.choose(reader), SMALLER)
        opening: AbstractAsyncContextManager[AsyncIterator[bytes]]
        match self.format:
            case Format.LINES:
                opening = event_lines(reader, project_id, chosen)
            case Format.TABLE:
                await self._check_number(chosen, EVENT_TABLE_EVENTS_MAX, "a Parquet file")
                opening = event_table(reader, project_id, chosen)
            case Format.CELLS:
                await self._check_number(chosen, EVENT_CSV_EVENTS_MAX, "a CSV file of events")
                opening = self._cells(chosen)
        try:
            async with opening as blocks:
                yield blocks
        except StoreError as error:
            if error.code != RESULT_TOO_LARGE:
                raise
            raise RequestError(400, f"these events are too large for one Parquet file: {SMALLER}") from error

    async def _check_number(self, chosen: FilteredEvents, events_max: int, file: str) -> None:
        reader, project_id = self.parts.exports, self.project.project_id
        if await answer_of(is_more_than(reader, project_id, chosen, events_max), SMALLER):
            raise RequestError(400, f"{file} has at most {events_max:,} events, and more match: {SMALLER}")

    @asynccontextmanager
    async def _cells(self, chosen: FilteredEvents) -> AsyncIterator[AsyncIterator[bytes]]:
        """The rows of a CSV below their head, which comes with the first of them."""
        reader, project_id = self.parts.exports, self.project.project_id
        names = list(self.columns)
        if not names:
            found = frequent_names(reader, project_id, chosen, EVENT_CSV_COLUMNS_MAX)
            names = _fitting(await answer_of(found, SMALLER))
        # The store writes a line feed alone: its streams do not know the setting for another line end.
        head = sheet_text([*CELL_COLUMNS, *names, OTHERS], ()).removesuffix("\r\n") + "\n"
        async with event_cells(reader, project_id, chosen, names) as blocks:
            yield _headed(head.encode(), blocks)


def check_columns(names: Sequence[str]) -> list[str]:
    """The properties that are wanted as columns, each once, without those that are columns of every file. Raises
    RequestError 400 for too many, or too long ones."""
    wanted = [name for name in dict.fromkeys(names) if name not in (*CELL_COLUMNS, OTHERS)]
    if len(wanted) > EVENT_CSV_COLUMNS_MAX:
        raise RequestError(400, f"a CSV file has columns for at most {EVENT_CSV_COLUMNS_MAX} properties")
    if _fitting(wanted) != wanted:
        most = EVENT_CSV_COLUMNS_BYTES_MAX
        raise RequestError(400, f"the names of these properties have more than {most:,} bytes: choose fewer columns")
    return wanted


def _fitting(names: Sequence[str]) -> list[str]:
    """As many names from the first on as the store may be asked for."""
    fitting = [name for name in names if name != OTHERS]
    while len(json.dumps(fitting)) > EVENT_CSV_COLUMNS_BYTES_MAX:
        fitting.pop()
    return fitting


async def _headed(head: bytes, blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The blocks, the first one after a head. So nothing is sent before the store has answered."""
    yield head + await anext(blocks, b"")
    async for block in blocks:
        yield block
