"""One table of routes. A path goes in, the handler's reply comes out; what no handler knows is answered here."""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from trackway.edge.http import KEYED, PREFLIGHT, Receive, Scope, Send, send_reply
from trackway.edge.replies import JSON, Reply, error_reply
from trackway.errors import RequestError
from trackway.http_protocol import Direct

Handler = Callable[[Scope, Receive, Send], Awaitable[None]]


class Route(NamedTuple):
    """A handler and the methods it takes, in the order `Allow` names them; `direct` is its short way for POST; `keyed`:
    only credentials open it, and it is not for SDKs."""

    handler: Handler
    methods: tuple[str, ...]
    direct: Direct | None = None
    keyed: bool = False


class Routes(NamedTuple):
    """`at`: those of single paths; `below`: handlers of everything below a path, which look at path and method
    themselves."""

    at: Mapping[str, Route]
    below: Mapping[str, Handler]


class Edge:
    """The ASGI application of an edge process: every path with and without a trailing slash, below `path_prefix`."""

    def __init__(self, routes: Routes, path_prefix: str):
        self._routes = {path_prefix + path: route for path, route in routes.at.items()}
        self._routes |= {path + "/": route for path, route in self._routes.items()}
        self._below = {path_prefix + path + "/": handler for path, handler in routes.below.items()}

    @property
    def direct(self) -> dict[bytes, Direct]:
        """The paths with a short way."""
        return {path.encode(): route.direct for path, route in self._routes.items() if route.direct}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._routes.get(scope["path"])
        method = scope["method"]
        if route is None or route.keyed:
            scope[KEYED] = True
        if route is None:
            await self._unlisted(scope, receive, send)
        elif method in route.methods:
            await route.handler(scope, receive, send)
        elif method == "OPTIONS":
            await send_reply(scope, send, PREFLIGHT)
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
    """A handler that always says the same: what SDKs ask on the side (protocol §8)."""
    reply = Reply(200, content_type, body)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await send_reply(scope, send, reply)

    return answer


SIDE_ROUTES = {
    "/flags": Route(fixed(b'{"code":200,"flags":{}}'), ("GET", "HEAD", "POST")),
    "/settings": Route(fixed(b'{"sdk_config":{"config":{}}}'), ("GET", "HEAD")),
    "/record": Route(fixed(b'{"code":200,"status":"OK"}'), ("POST",)),
}
"""Asked by SDKs on the side: no flags, no remote settings, and session recordings are thrown away."""
