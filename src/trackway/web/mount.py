"""Where the pages hang in an edge process: an ASGI handler that costs nothing until somebody opens a page.

The modules behind it (starlette, jinja2) are imported by a thread in the first request, so that neither the start nor
the memory of a server that only takes events knows of them.
"""

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING

from trackway.edge.http import Receive, Scope, Send
from trackway.edge.routes import PAGES_PATH, Parts

if TYPE_CHECKING:
    from trackway.web.site import Site

PATH = PAGES_PATH


class Pages:
    """An ASGI application for `/` and everything below PATH."""

    def __init__(self, parts: Parts):
        self._parts = parts
        self._site: Site | None = None
        self._opening: asyncio.Task[Site] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._site or await self._opened())(scope, receive, send)

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
