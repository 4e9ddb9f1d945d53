"""The head of a request with records: its query string and flags, each read once, when a step first needs it."""

from collections.abc import Mapping, Sequence
from functools import cached_property

from trackway.domain.errors import RequestError
from trackway.edge.wire.asgi import Scope
from trackway.edge.wire.decode import ParsedQuery, read_query
from trackway.edge.wire.replies import NO_FLAGS, Flags, read_flags


class RecordsRequest:
    """`scope` is ASGI's. `redirect_hosts` are the hosts that the flag `redirect` may name."""

    def __init__(self, scope: Scope, redirect_hosts: Sequence[str]):
        self.scope = scope
        self._redirect_hosts = redirect_hosts

    @cached_property
    def query(self) -> ParsedQuery:
        """The parameters of the query string. Raises RequestError 413 when it is too long."""
        return read_query(self.scope["query_string"])

    @cached_property
    def flags(self) -> Flags:
        """How to answer a request whose body is not read."""
        try:
            return read_flags(self.query.parameters, self._redirect_hosts)
        except RequestError:
            return NO_FLAGS

    def flags_with(self, parameters: Mapping[str, str]) -> Flags:
        """How to answer once the body was read. A form may have flags, too."""
        return self.flags if parameters is self.query.parameters else read_flags(parameters, self._redirect_hosts)
