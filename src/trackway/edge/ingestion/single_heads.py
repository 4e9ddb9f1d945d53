"""What the head of a request with a single event says, read once for all requests with an equal one.

The heads of one SDK's requests hardly differ, apart from their length. So parameters, flags and the whole reply to an
accepted event are remembered by the query string and the headers that count. The address of the client is not among
them: its place may change when a new city database comes.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from trackway.domain.errors import RequestError
from trackway.edge.limits import HEAD_REMEMBERED_BYTES_MAX, HEADS_REMEMBERED, REPLIES_REMEMBERED
from trackway.edge.wire import replies
from trackway.edge.wire.asgi import Scope, content_headers, cors_headers
from trackway.edge.wire.decode import JSON_TYPE, ParsedQuery, read_query
from trackway.edge.wire.replies import NO_FLAGS, Flags, Reply, read_flags
from trackway.http.protocol import header_lines

_FORWARDED = b"x-forwarded-for"
_TYPE, _ENCODING, _ORIGIN, _HOST = b"content-type", b"content-encoding", b"origin", b"host"

ToSend = tuple[int, bytes, bytes]
"""Status, header lines and body, as `http.protocol.Respond` takes them."""


class Head(NamedTuple):
    """`query` is None where the query string is too long to be read. `is_json`: a body that begins with a brace is the
    JSON text as it stands. `is_misled`: the host belongs to another region. `accepted`: the reply to an accepted event,
    where the body has no flags of its own."""

    query: ParsedQuery | None
    content_type: bytes
    content_encoding: bytes
    is_json: bool
    is_misled: bool
    flags: Flags
    accepted: ToSend


class Heads:
    """`is_misled`: as `Admission.is_misled`. `with_host`: whether the answer depends on the host at all."""

    def __init__(self, redirect_hosts: Sequence[str], is_misled: Callable[[Scope], bool], *, with_host: bool):
        self._redirect_hosts = redirect_hosts
        self._is_misled = is_misled
        telling = (_TYPE, _ENCODING, _ORIGIN, _FORWARDED)
        self._telling = frozenset((*telling, _HOST) if with_host else telling)
        self._remembered: dict[tuple[bytes, tuple[tuple[bytes, bytes], ...]], Head] = {}

    def of(self, scope: Scope) -> tuple[Head, bool]:
        """The head of a request, and whether a proxy says whom it is from. Reads its headers in one pass."""
        telling, is_forwarded = self._telling, False
        fields: tuple[tuple[bytes, bytes], ...] = ()
        for field in scope["headers"]:
            if field[0] in telling:
                if field[0] == _FORWARDED:
                    is_forwarded = True
                else:
                    fields += (field,)
        key = (scope["query_string"], fields)
        head = self._remembered.get(key)
        if head is None:
            head = self._read(scope, dict(reversed(fields)))
            if _size(key) <= HEAD_REMEMBERED_BYTES_MAX:
                if len(self._remembered) >= HEADS_REMEMBERED:
                    self._remembered.pop(next(iter(self._remembered)))
                self._remembered[key] = head
        return head, is_forwarded

    def flags_of(self, parameters: Mapping[str, str]) -> Flags:
        """The flags of a form, with those of the query string."""
        return read_flags(parameters, self._redirect_hosts)

    def _read(self, scope: Scope, first: Mapping[bytes, bytes]) -> Head:
        content_type, content_encoding = first.get(_TYPE, b""), first.get(_ENCODING, b"")
        query: ParsedQuery | None
        try:
            query = read_query(scope["query_string"])
            flags = read_flags(query.parameters, self._redirect_hosts)
        except RequestError:
            query, flags = None, NO_FLAGS
        return Head(
            query,
            content_type,
            content_encoding,
            query is not None and not query.fault and not content_encoding and content_type == JSON_TYPE,
            self._is_misled(scope),
            flags,
            accepted(flags, scope),
        )


def accepted(flags: Flags, scope: Scope) -> ToSend:
    """The reply to an accepted event."""
    return to_send(replies.accepted_reply(flags), scope)


def to_send(reply: Reply, scope: Scope) -> ToSend:
    """A reply with the headers that each reply to this request has."""
    lines, more = _lines_of(reply.content_type, len(reply.body)), (*reply.headers, *cors_headers(scope))
    return reply.status, lines + header_lines(more) if more else lines, reply.body


@lru_cache(REPLIES_REMEMBERED)
def _lines_of(content_type: bytes, size: int) -> bytes:
    return header_lines(content_headers(content_type, size))


def _size(key: tuple[bytes, tuple[tuple[bytes, bytes], ...]]) -> int:
    query, fields = key
    return len(query) + sum(len(name) + len(value) for name, value in fields)
