"""`trackway import` of the events that `/import` got, as lines of a file: the time until they can be queried.

Both clocks start with the client's first byte, and end when the loader has nothing left to load. So what the command
takes to begin and to end, which is seen of an import of one event, is not in it.
"""

import time
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from bench.bodies import GZIP, Bodies, read_bodies
from bench.counts import Count
from bench.exports import export_all
from bench.plan import Plan
from bench.server import Keys, Server


class FileImport(NamedTuple):
    """Events per second until all could be queried."""

    queryable_rate: float
    counted: Count


def measure_file(server: Server, keys: Keys, project: str, bodies: Bodies, plan: Plan, work: Path) -> FileImport:
    """Import the events of all bodies once into the project of that name, on a server that does nothing else."""
    path = work / "events.ndjson"
    _write_lines(bodies, path)
    try:
        begin_s = min(_import(server, _first_line(path), project)[0] for _ in range(3))
        server.wait_idle(plan.idle_s)
        began_s = time.monotonic()
        _, imported = _import(server, path, project)
        loaded_s = server.wait_loaded()
    finally:
        for each in work.glob("*.ndjson"):
            each.unlink()
    exported = export_all(server, keys).events
    counted = Count("trackway import", bodies.events, imported, exported).check()
    return FileImport(bodies.events / (loaded_s - began_s - begin_s), counted)


def _import(server: Server, path: Path, project: str) -> tuple[float, int]:
    """Import a file: the seconds that the command took, and how many events it imported."""
    began_s = time.monotonic()
    answer = server.run_command("import", str(path), "--project", project, "--state", str(path.parent))
    return time.monotonic() - began_s, answer["imported"]


def _first_line(path: Path) -> Path:
    """A file with the first event of another, which is stored once: it has the same id."""
    first = path.with_name("first.ndjson")
    with path.open("rb") as file:
        first.write_bytes(file.readline())
    return first


def _write_lines(bodies: Bodies, path: Path) -> None:
    with path.open("wb") as file:
        for body in read_bodies(bodies.path):
            events: list[Any] = orjson.loads(zlib.decompress(body, GZIP))
            file.writelines(orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE) for event in events)
