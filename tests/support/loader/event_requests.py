"""Requests of events for the loader: a story of several, and one that cannot be decoded."""

import struct

from tests.support.loader.expected import DAY_US, HOUR_US, SECOND_US, Sending
from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import KEY_BYTES, VERSION, Entry, Events, encode_entries

STORY = (
    Sending(0, [1, 2, 3, None, -1]),
    Sending(SECOND_US, [1, 4, -2, None], Endpoint.IMPORT),
    Sending(HOUR_US, [3, 3, 5, -1, -2]),
    Sending(DAY_US - 1, [1, 2]),
    Sending(DAY_US, [1, 3, 6]),
    Sending(DAY_US + HOUR_US, [1, 5, 5, None, -1], Endpoint.IMPORT),
)
"""Requests with every outcome, and repetitions just within and just beyond 24 hours."""


def bad_payload(received_us: int, events: int = 1) -> bytes:
    """A record whose events no store can read: the last of their properties are said to be longer than anything."""
    times_ms = struct.pack(f"<{events}q", *[received_us // 1000] * events)
    keys = b"".join(bytes([number + 1]) * KEY_BYTES for number in range(events))
    a, properties = b"\x01a" * events, b"\x02{}" * (events - 1) + b"\xff" * 8 + b"\x7f"
    return encode_entries(
        [Entry(VERSION, 7, received_us, 1, 0, Events(events, keys, times_ms, a, a, a, a, a, properties))]
    )
