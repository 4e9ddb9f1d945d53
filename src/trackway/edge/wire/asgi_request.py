"""One request to an endpoint: its head with what was read of it, and the two ends of its connection.

It is made once per request and handed through the steps of the endpoint, so that no step reads the query string again.
"""

from collections.abc import Mapping
from functools import cached_property

from trackway.edge.wire.asgi import IDS, Receive, Scope, Send, header
from trackway.edge.wire.parameters import read_parameters


class Request:
    """An ASGI request. `receive` gives its body, `send` takes its reply."""

    def __init__(self, scope: Scope, receive: Receive, send: Send):
        self.scope = scope
        self.receive = receive
        self.send = send

    @property
    def method(self) -> str:
        return str(self.scope["method"])

    @property
    def ids(self) -> Mapping[str, int]:
        """The ids that the path names, by the names of its pattern."""
        found: Mapping[str, int] = self.scope.get(IDS, {})
        return found

    def header(self, name: bytes) -> bytes:
        """The first header of that (lower-case) name, or nothing."""
        return header(self.scope, name)

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        """The parameters of the query string. Raises RequestError 400 when they cannot be read, 413 when they are too
        long."""
        return read_parameters(self.scope["query_string"])
