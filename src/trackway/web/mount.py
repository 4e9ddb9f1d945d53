"""Where the pages hang in an edge process: an ASGI handler that costs nothing until somebody opens a page.

The modules behind it (starlette, jinja2) are imported by a thread in the first request, so that neither the start nor
the memory of a server that only takes events knows of them.
"""

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING

from trackway import logs
from trackway.edge.http import Receive, Scope, Send, send_reply
from trackway.edge.replies import error_reply
from trackway.edge.routes import PAGES_PATH, Parts
from trackway.errors import RequestError, StorageError
from trackway.limits import RETRY_AFTER_STORAGE_S

if TYPE_CHECKING:
    from trackway.web.site import Site

PATH = PAGES_PATH
_log = logs.get("web")


class Pages:
    """An ASGI application for `/` and everything below PATH."""

    def __init__(self, parts: Parts):
        self._parts = parts
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
        """Requests that come together wait for one thread; a client that leaves takes nothing from the others."""
        if self._opening is None:
            self._opening = asyncio.create_task(asyncio.to_thread(self._open))
            self._opening.add_done_callback(self._done)
        return await asyncio.shield(self._opening)

    def _done(self, opening: "asyncio.Task[Site]") -> None:
        self._opening = None
        if not opening.cancelled() and opening.exception() is None:
            self._site = opening.result()

    def _open(self) -> "Site":
        site: Site = import_module("trackway.web.site").Site(self._parts)
        return site
