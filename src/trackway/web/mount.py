"""The mount point of the pages in an edge process: an ASGI handler that imports them at the first request.

A thread imports their modules (starlette, jinja2), so that a server that only receives events spends neither time nor
memory on them.
"""

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING

from trackway.domain.errors import RequestError, StorageError
from trackway.domain.limits import RETRY_AFTER_STORAGE_S
from trackway.edge.ingestion.records_endpoint import RecordsEndpoint
from trackway.edge.routes import Parts
from trackway.edge.wire.asgi import Receive, Scope, Send, send_reply
from trackway.edge.wire.replies import error_reply
from trackway.telemetry import logs

if TYPE_CHECKING:
    from trackway.web.site import Site

_log = logs.get("web")


class Pages:
    """An ASGI application for `/` and everything below PAGES_PATH."""

    def __init__(self, parts: Parts, track: RecordsEndpoint):
        self._parts = parts
        self._track = track
        self._site: Site | None = None
        self._opening: asyncio.Task[Site] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            site = self._site or await self._opened()
        except StorageError as error:
            _log.error("the web pages cannot be opened", error=str(error))
            refusal = RequestError(503, "web pages cannot be opened now", retry_after_s=RETRY_AFTER_STORAGE_S)
            await send_reply(scope, send, error_reply(refusal))
            return
        await site(scope, receive, send)

    async def _opened(self) -> "Site":
        """The site. Concurrent requests wait for one thread, which goes on when one of their clients disconnects."""
        if self._opening is None:
            self._opening = asyncio.create_task(asyncio.to_thread(self._open))
            self._opening.add_done_callback(self._done)
        return await asyncio.shield(self._opening)

    def _done(self, opening: "asyncio.Task[Site]") -> None:
        self._opening = None
        if not opening.cancelled() and opening.exception() is None:
            self._site = opening.result()

    def _open(self) -> "Site":
        site: Site = import_module("trackway.web.site").Site(self._parts, self._track)
        return site
