"""The payload of a journal record: what is written can be read, also by a later version, and never by an older one."""

from typing import Any

import msgspec
import pytest

from trackway.journal.entry import (
    VERSION,
    Endpoint,
    Entry,
    Events,
    Link,
    LinkKind,
    Rejection,
    Update,
    decode_entries,
    encode_entries,
)

UPDATES = [
    Update("", "ann", b'{"$set": {"plan": "pro"}, "$add": {"logins": 1}}'),
    Update("company", "Büro GmbH", b'{"$delete": ""}', as_given=True),
]
LINKS = [
    Link(LinkKind.DEVICE, "$device:d", "ann"),
    Link(LinkKind.IDENTIFY, "0f0e…", "ann", "insert-id-1"),
    Link(LinkKind.UNLINK, "$device:d", "", reason="a shared tablet"),
]


EVENTS = Events(1, bytes(16), bytes(8), b"\x01e", b"\x01p", b"\x01i", b"\x01d", b"\x01u", b"\x02{}")


def entry(version: int = VERSION, updates: list[Update] = UPDATES) -> Entry:
    rejection = Rejection(3, "$token, missing or empty", "$token", "", b"{}")
    return Entry(version, 7, 1_700_000_000_000_000, Endpoint.ENGAGE, 1, EVENTS, [rejection], updates, LINKS)


def test_entry_with_updates_and_links_is_read_as_it_was_written() -> None:
    entries = [entry(), entry(updates=[])]
    assert decode_entries(encode_entries(entries)) == entries


EARLIER = [3, 7, 1_700_000_000_000_000, 1, 0, b"\x01\x00\x00\x00", bytes(16), b"r", [], [], []]


@pytest.mark.parametrize("written", [EARLIER, [VERSION + 1, 7], [VERSION + 1, *msgspec.structs.astuple(entry())[1:]]])
def test_entry_of_another_version_is_not_read_and_the_error_says_what_to_do(written: list[Any]) -> None:
    with pytest.raises(ValueError, match=f"version {written[0]}, not {VERSION}: load it with the trackway that wrote"):
        decode_entries(msgspec.msgpack.encode([written]))


def test_bytes_that_are_no_entry_are_not_read() -> None:
    with pytest.raises(ValueError, match="not a journal entry"):
        decode_entries(b"\xc1")


def test_the_number_of_an_endpoint_never_changes() -> None:
    assert [(each.value, each.path) for each in Endpoint] == [
        (1, "/track"),
        (2, "/import"),
        (3, "/engage"),
        (4, "/groups"),
    ]


def test_the_number_of_a_kind_of_link_never_changes() -> None:
    assert [(each.value, each.name) for each in LinkKind] == [
        (1, "DEVICE"),
        (2, "IDENTIFY"),
        (3, "ALIAS"),
        (4, "MERGE"),
        (5, "UNLINK"),
    ]
