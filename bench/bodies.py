"""The bodies of `/import` requests, made before anything is measured and kept in one file on disk.

Each is one JSON array of 2000 events, packed by gzip (level 6, zlib's default). The file holds length and body by
turns, so that the client process reads it by itself. The yardstick is taken from the very same bodies: `orjson.loads`
of their text, on one core, with nothing else timed.
"""

import multiprocessing
import os
import struct
import time
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from bench.events import make_events
from bench.plan import EVENTS_PER_BATCH, Kind, Plan

_LENGTH: Final = struct.Struct("<I")
_GZIP: Final = 31


class Bodies(NamedTuple):
    """A file of bodies; sizes in bytes."""

    path: Path
    batches: int
    plain_bytes: int
    gzip_bytes: int

    @property
    def events(self) -> int:
        return self.batches * EVENTS_PER_BATCH


def make_bodies(plan: Plan, path: Path) -> Bodies:
    """Write `plan.batches` bodies to `path`, using every core."""
    plain_bytes = gzip_bytes = 0
    make = partial(_make_body, plan.kind, plan.events)
    with multiprocessing.get_context("spawn").Pool(len(os.sched_getaffinity(0))) as pool, path.open("wb") as file:
        for size, body in pool.imap(make, range(plan.batches)):
            file.write(_LENGTH.pack(len(body)) + body)
            plain_bytes += size
            gzip_bytes += len(body)
    return Bodies(path, plan.batches, plain_bytes, gzip_bytes)


def _make_body(kind: Kind, total: int, batch: int) -> tuple[int, bytes]:
    text = orjson.dumps(make_events(kind, batch * EVENTS_PER_BATCH, EVENTS_PER_BATCH, total))
    packer = zlib.compressobj(6, wbits=_GZIP)
    return len(text), packer.compress(text) + packer.flush()


def read_bodies(path: Path) -> Iterator[bytes]:
    """The bodies of a file, still compressed."""
    with path.open("rb") as file:
        while head := file.read(_LENGTH.size):
            yield file.read(_LENGTH.unpack(head)[0])


def parse_rate(bodies: Bodies) -> float:
    """Events per second of `orjson.loads` on one core over all bodies, unpacked one at a time outside the clock."""
    events, spent_s = 0, 0.0
    for body in read_bodies(bodies.path):
        text = zlib.decompress(body, _GZIP)
        began_s = time.perf_counter()
        parsed = orjson.loads(text)
        spent_s += time.perf_counter() - began_s
        events += len(parsed)
    assert events == bodies.events, f"{events} events parsed, {bodies.events} made"
    return events / spent_s
