"""One table of routes. A path arrives, the reply of its handler leaves. A path without a handler is answered here."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from trackway.domain.errors import RequestError
from trackway.edge.access.cors import preflight
from trackway.edge.wire.asgi import KEYED, SAME_ORIGIN, Handler, Receive, Scope, Send, send_reply
from trackway.edge.wire.replies import JSON, Reply, error_reply
from trackway.http.protocol import Direct
from trackway.telemetry import request_id

_SLASHES = re.compile("/{2,}")


class Route(NamedTuple):
    """A handler and its methods, in the order of `Allow`. `direct` is its short way for POST. `keyed`: it needs
    credentials, and is not for SDKs. `same_origin`: no page of another origin may read it."""

    handler: Handler
    methods: tuple[str, ...]
    direct: Direct | None = None
    keyed: bool = False
    same_origin: bool = False


class Routes(NamedTuple):
    """`at`: routes of single paths. `below`: handlers of everything below a path, which check path and method
    themselves."""

    at: Mapping[str, Route]
    below: Mapping[str, Handler]


class Edge:
    """The ASGI application of an edge process: every path with and without a trailing slash, below `path_prefix`.

    Empty segments of a path are removed first: SDKs append `/track` to a base that ends in a slash. So no handler gets
    a path that begins like `//host`, which in a redirect would name another server.
    """

    def __init__(self, routes: Routes, path_prefix: str):
        self._routes = {path_prefix + path: route for path, route in routes.at.items()}
        self._routes |= {path + "/": route for path, route in self._routes.items()}
        self._below = {path_prefix + path + "/": handler for path, handler in routes.below.items()}

    @property
    def direct(self) -> dict[bytes, Direct]:
        """The paths with a short way."""
        return {path.encode(): route.direct for path, route in self._routes.items() if route.direct}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id.begin(scope["headers"])
        if "//" in scope["path"]:
            scope["path"] = _SLASHES.sub("/", scope["path"])
        route = self._routes.get(scope["path"])
        method = scope["method"]
        if route is None or route.keyed:
            scope[KEYED] = True
        elif route.same_origin:
            scope[SAME_ORIGIN] = True
        if route is None:
            await self._unlisted(scope, receive, send)
        elif method in route.methods:
            await route.handler(scope, receive, send)
        elif method == "OPTIONS":
            await send_reply(scope, send, preflight(scope))
        else:
            allow = ", ".join((*route.methods, "OPTIONS"))
            refusal = RequestError(405, f"method {method[:20]} is not allowed here", allow=allow)
            await send_reply(scope, send, error_reply(refusal))

    async def _unlisted(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        for above, handler in self._below.items():
            if path.startswith(above):
                await handler(scope, receive, send)
                return
        await send_reply(scope, send, error_reply(RequestError(404, f"no such path: {path[:200]}")))


def fixed(body: bytes, content_type: bytes = JSON) -> Handler:
    """A handler with a fixed reply, for what SDKs request on the side (protocol §8)."""
    reply = Reply(200, content_type, body)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await send_reply(scope, send, reply)

    return answer


SIDE_ROUTES = {
    "/flags": Route(fixed(b'{"code":200,"flags":{}}'), ("GET", "HEAD", "POST")),
    "/flags/definitions": Route(fixed(b'{"flags":[]}'), ("GET", "HEAD")),
    "/settings": Route(fixed(b'{"sdk_config":{"config":{}}}'), ("GET", "HEAD")),
    "/record": Route(fixed(b'{"code":200,"status":"OK"}'), ("POST",)),
}
"""Requested by SDKs on the side: no flags, no remote settings, and session recordings are dropped."""
