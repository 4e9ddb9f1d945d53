"""Paths that name ids, such as `/projects/{project}/bookmarks/{bookmark}`: one table for everything below a prefix.

A browser that remembers credentials sends them along on its own, from any page. So nothing here allows other origins,
unlike the rest of the server. Errors are `{"error":…,"status":"error"}`, as documented for these paths.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from trackway.domain.errors import RequestError
from trackway.edge.wire.asgi import IDS, SAME_ORIGIN, Handler, Receive, Scope, Send, send_reply
from trackway.edge.wire.replies import JSON, Reply, error_reply
from trackway.telemetry import metrics

_ID_MAX: Final = 2**31 - 1
"""No id of the projects database is larger."""
ByMethod = Mapping[str, Handler]


class PathsWithIds:
    """An ASGI application for everything below `prefix` and `path`; `path` is what metrics call it.

    `table` has the handlers of each path by method. An id in braces is a number, which the handler finds by its name
    (`Request.ids`).
    """

    def __init__(self, prefix: str, path: str, table: Mapping[str, ByMethod]):
        self._above = len(prefix) + len(path)
        self._path = path
        self._table = [(_pattern(each), by_method) for each, by_method in table.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[SAME_ORIGIN] = True
        try:
            # Before the credentials: a client with a wrong path shall not look for another key.
            handler = self._find(scope)
        except RequestError as error:
            metrics.request(self._path, error.status)
            await send_reply(scope, send, refused(error))
        else:
            await handler(scope, receive, send)

    def _find(self, scope: Scope) -> Handler:
        """The handler; its ids go to the scope. Raises RequestError 404 or 405, whatever the credentials."""
        path, method = scope["path"][self._above :].removesuffix("/"), scope["method"]
        for pattern, by_method in self._table:
            found = pattern.fullmatch(path)
            if found is None:
                continue
            if method not in by_method:
                raise RequestError(405, f"method {method[:20]} is not allowed here", allow=", ".join(by_method))
            scope[IDS] = {name: _id(text) for name, text in found.groupdict().items()}
            return by_method[method]
        raise RequestError(404, f"no such path: {self._path}{path[:200]}")


def refused(error: RequestError) -> Reply:
    """The reply to a request that was refused."""
    return error_reply(error)._replace(body=orjson.dumps({"error": error.message, "status": "error"}))


def found(results: object, status: int = 200) -> Reply:
    """The reply with what was found or made."""
    return answer({"status": "ok", "results": results}, status)


def answer(body: Any, status: int = 200) -> Reply:
    """A reply that no browser keeps."""
    return Reply(status, JSON, orjson.dumps(body), ((b"cache-control", b"no-store"),))


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{([a-z]+)\}", r"(?P<\1>[0-9]{1,10})", path))


def _id(text: str) -> int:
    if int(text) > _ID_MAX:
        raise RequestError(404, f"id {text} was not found")
    return int(text)
