"""`/api/2.0/export` of a whole project, not packed: lines and bytes per second, and the memory it costs the server."""

import contextlib
import http.client
import time
from typing import Final, NamedTuple

from bench.memory import Watch
from bench.server import Keys, Server, export_target

_BUFFER_BYTES: Final = 1 << 20
_TIMEOUT_S: Final = 300


class Export(NamedTuple):
    """One export: lines, bytes, seconds, and memory while it ran: growth of edge and store, highest sum of all."""

    events: int
    size_bytes: int
    duration_s: float
    edge_growth_bytes: int
    store_growth_bytes: int
    memory_bytes: int


def export_all(server: Server, keys: Keys) -> Export:
    """From the request's first byte to the reply's last, gzip off. The lines are counted and thrown away."""
    buffer = bytearray(_BUFFER_BYTES)
    events = size = 0
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_TIMEOUT_S)
    with Watch(server.pids) as watch, contextlib.closing(connection):
        began_s = time.monotonic()
        connection.request("GET", export_target(), headers={"Authorization": keys.authorization})
        reply = connection.getresponse()
        if reply.status != 200:
            raise RuntimeError(f"export answered {reply.status}: {reply.read()[:300]!r}")
        while got := reply.readinto(buffer):
            events += buffer.count(b"\n", 0, got)
            size += got
        duration_s = time.monotonic() - began_s
    return Export(events, size, duration_s, watch.growth("edge"), watch.growth("store"), watch.highest_total)
