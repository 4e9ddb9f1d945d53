"""The payload of a journal record: what is written can be read, also by a later version, and never by an older one."""

from typing import Any

import msgspec
import pytest

from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import (
    NO_EVENTS,
    PROBE,
    VERSION,
    Entry,
    Events,
    Rejection,
    Update,
    decode_entries,
    encode_entries,
    join_payloads,
    split_payload,
    unlink_payload,
)
from trackway.domain.link import Link, LinkKind

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


def test_many_rejections_are_packed() -> None:
    rejections = [Rejection(index, "event, missing", "event", "", b"x" * 16_000) for index in range(100)]
    entries = [msgspec.structs.replace(entry(), rejections=rejections, counted=[("token, unknown", 3)]), entry()]
    payload = encode_entries(entries)
    assert len(payload) < 10_000
    assert decode_entries(payload) == entries
    assert decode_entries(memoryview(payload)) == entries


def test_packed_bytes_that_are_damaged_are_no_entry() -> None:
    damaged = msgspec.structs.replace(entry(), packed=b"damaged")
    with pytest.raises(ValueError, match="not a journal entry"):
        decode_entries(msgspec.msgpack.encode([damaged]))


def test_entry_of_version_4_is_read() -> None:
    written = entry(version=4)
    earlier = [getattr(written, name) for name in written.__struct_fields__[:9]]
    assert decode_entries(msgspec.msgpack.encode([earlier])) == [written]


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


def test_joined_payloads_hold_the_entries_of_each_in_order() -> None:
    many = [Rejection(index, "event, missing", "event", "", b"x" * 16_000) for index in range(100)]
    entries = [entry(), msgspec.structs.replace(entry(), rejections=many), entry(updates=[])]
    joined = join_payloads([encode_entries(entries[:2]), PROBE, encode_entries(entries[2:])])
    assert joined == encode_entries(entries)
    assert decode_entries(joined) == entries


def test_an_unlinking_is_an_entry_that_counts_no_record() -> None:
    [found] = decode_entries(unlink_payload(7, 5, "$device:d", "a shared tablet"))
    assert found.links == [Link(LinkKind.UNLINK, "$device:d", "", reason="a shared tablet")]
    assert (found.project_id, found.received_us, found.events, found.updates) == (7, 5, NO_EVENTS, [])
    assert decode_entries(PROBE) == []


def test_a_payload_is_split_by_the_partitions_of_its_projects() -> None:
    entries = [msgspec.structs.replace(entry(), project_id=project_id) for project_id in (7, 4, 9)]
    payload = encode_entries(entries)
    split = split_payload(payload, 3)
    assert {partition: decode_entries(part) for partition, part in split.items()} == {1: entries[:2], 0: entries[2:]}
    assert split_payload(payload, 1) == {0: payload}
    assert split_payload(encode_entries(entries[:1]), 5) == {2: encode_entries(entries[:1])}
    assert split_payload(PROBE, 3) == {}
