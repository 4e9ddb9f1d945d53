"""A head is read as each request alone would be, and what is remembered of heads is bounded."""

from typing import Any

import pytest

from trackway.edge.ingestion import single_heads
from trackway.edge.ingestion.single_heads import Heads, accepted
from trackway.edge.limits import HEAD_REMEMBERED_BYTES_MAX, HEADS_REMEMBERED
from trackway.edge.wire.asgi import header
from trackway.edge.wire.decode import ParsedQuery, read_query
from trackway.edge.wire.replies import NO_FLAGS, Flags

JSON = (b"content-type", b"application/json")


def scope_of(query: bytes = b"", *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"query_string": query, "headers": list(headers)}


def heads(*, with_host: bool = False) -> Heads:
    return Heads((), lambda scope: header(scope, b"host") == b"eu.example.com", with_host=with_host)


def test_a_head_is_read_once_whatever_else_the_requests_say(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []

    def reading(query: bytes) -> ParsedQuery:
        read.append(query)
        return read_query(query)

    known = heads()
    monkeypatch.setattr(single_heads, "read_query", reading)
    for number in range(3):
        head, is_forwarded = known.of(scope_of(b"verbose=1", JSON, (b"content-length", b"%d" % number)))
        assert head.flags == Flags(verbose=True)
        assert head.accepted == accepted(head.flags, scope_of())
        assert not is_forwarded
    assert known.of(scope_of(b"verbose=1", (b"x-forwarded-for", b"1.2.3.4"), JSON)) == (head, True)
    assert read == [b"verbose=1"]


def test_the_reply_names_the_origin_that_asked() -> None:
    known = heads()
    for origin in (b"https://a.example", b"https://b.example"):
        scope = scope_of(b"", JSON, (b"origin", origin))
        head, _ = known.of(scope)
        assert head.accepted == accepted(NO_FLAGS, scope)
        assert origin in head.accepted[1]


def test_the_first_of_headers_with_one_name_counts() -> None:
    head, _ = heads().of(scope_of(b"", JSON, (b"content-type", b"text/plain")))
    assert head.content_type == b"application/json"
    assert head.is_json


def test_only_json_that_is_called_so_and_is_not_packed_is_taken_as_it_stands() -> None:
    known = heads()
    assert not known.of(scope_of(b"", (b"content-type", b"text/plain")))[0].is_json
    assert not known.of(scope_of(b"", JSON, (b"content-encoding", b"gzip")))[0].is_json
    assert not known.of(scope_of(b"a=1&" * 1000, JSON))[0].is_json  # more fields than a form may have
    assert known.of(scope_of(b"a" * 70_000, JSON))[0].query is None


def test_the_host_counts_where_regions_have_names() -> None:
    known = heads(with_host=True)
    misled = [
        known.of(scope_of(b"", JSON, (b"host", host)))[0].is_misled for host in (b"us.example.com", b"eu.example.com")
    ]
    assert misled == [False, True]


def test_what_is_remembered_is_bounded() -> None:
    known = heads()
    for number in range(HEADS_REMEMBERED + 10):
        known.of(scope_of(b"n=%d" % number, JSON))
    long = scope_of(b"", JSON, (b"origin", b"o" * HEAD_REMEMBERED_BYTES_MAX))
    assert known.of(long)[0].accepted == accepted(NO_FLAGS, long)
    assert len(known._remembered) == HEADS_REMEMBERED
