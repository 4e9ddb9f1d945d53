"""The bodies of `/import` and `/engage` requests, made before they are measured and kept in one file on disk.

Each is one JSON array of 2000 records, packed by gzip (level 6, zlib's default). The file holds length and body by
turns, so that the client process reads it by itself. The yardstick is taken from the very same bodies: `orjson.loads`
of their text, on one core, with nothing else timed.
"""

import multiprocessing
import os
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from bench.events import make_events
from bench.plan import EVENTS_PER_BATCH, Kind, Plan

_LENGTH: Final = struct.Struct("<I")
GZIP: Final = 31


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
    """Write `plan.batches` bodies of events to `path`."""
    return write_bodies(partial(_events_of, plan.kind, plan.events), plan.batches, path)


def _events_of(kind: Kind, total: int, batch: int) -> list[dict[str, Any]]:
    return make_events(kind, batch * EVENTS_PER_BATCH, EVENTS_PER_BATCH, total)


def write_bodies(records_of: Callable[[int], list[dict[str, Any]]], batches: int, path: Path) -> Bodies:
    """Write a body of the records of each batch to `path`, using every core."""
    plain_bytes = gzip_bytes = 0
    make = partial(_make_body, records_of)
    with multiprocessing.get_context("spawn").Pool(len(os.sched_getaffinity(0))) as pool, path.open("wb") as file:
        for size, body in pool.imap(make, range(batches)):
            file.write(_LENGTH.pack(len(body)) + body)
            plain_bytes += size
            gzip_bytes += len(body)
    return Bodies(path, batches, plain_bytes, gzip_bytes)


def _make_body(records_of: Callable[[int], list[dict[str, Any]]], batch: int) -> tuple[int, bytes]:
    text = orjson.dumps(records_of(batch))
    packer = zlib.compressobj(6, wbits=GZIP)
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
        text = zlib.decompress(body, GZIP)
        began_s = time.perf_counter()
        parsed = orjson.loads(text)
        spent_s += time.perf_counter() - began_s
        events += len(parsed)
    assert events == bodies.events, f"{events} events parsed, {bodies.events} made"
    return events / spent_s
