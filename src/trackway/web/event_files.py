"""Files of the events that a page has chosen: JSON lines of any number, or a bounded table in Parquet.

They are read as exports are: by the same lane of the store, the same right, and within the same limits of the project.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
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
from trackway.query.event_files import event_lines, event_table, is_more_than
from trackway.query.filtered_events import FilteredEvents
from trackway.store.errors import RESULT_TOO_LARGE, StoreError
from trackway.store.reader import Reader
from trackway.web.limits import EVENT_TABLE_EVENTS_MAX
from trackway.web.store_errors import answer_of

SMALLER: Final = "choose fewer days, or filter further"


class Format(Enum):
    """The formats of a file, each by its ending."""

    LINES = "jsonl"
    TABLE = "parquet"


_CONTENT_TYPES: Final = {Format.LINES: b"application/jsonl", Format.TABLE: b"application/vnd.apache.parquet"}


class FileParts(NamedTuple):
    """What a file of events needs: the reader of exports, and the limits."""

    exports: Reader
    rates: RateLimits


@dataclass(frozen=True)
class EventsFile(Response):
    """The reply with a file of the events that `choose` gives. The question is counted, and asked, when it is sent.

    Sending raises RequestError 429 beyond the limits of the project, 400 for too many events, and 503; ClientGone.
    """

    parts: FileParts
    project: Project
    format: Format
    choose: Callable[[Reader], Awaitable[FilteredEvents]]

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
        opening: AbstractAsyncContextManager[AsyncIterator[bytes]] = event_lines(reader, project_id, chosen)
        if self.format is Format.TABLE:
            if await answer_of(is_more_than(reader, project_id, chosen, EVENT_TABLE_EVENTS_MAX), SMALLER):
                most = f"{EVENT_TABLE_EVENTS_MAX:,}"
                raise RequestError(400, f"a Parquet file has at most {most} events, and more match: {SMALLER}")
            opening = event_table(reader, project_id, chosen)
        try:
            async with opening as blocks:
                yield blocks
        except StoreError as error:
            if error.code != RESULT_TOO_LARGE:
                raise
            raise RequestError(400, f"these events are too large for one Parquet file: {SMALLER}") from error
