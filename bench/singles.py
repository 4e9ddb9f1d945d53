"""`/track` with one event a request: what `wrk` gets out of the server, and out of a server that does nothing.

The bare server is measured before and after, in the same round, with the same requests and as many workers; the ratio
to the mean of the two is the figure. Afterwards as many events must be stored as the server acknowledged. wrk hangs up
on the requests in flight when its time is over, at most one a connection: those may be acknowledged without wrk
having seen it.
"""

import os
import shutil
import statistics
import subprocess
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from bench.bare import bare_server
from bench.counts import Count
from bench.events import make_current_events
from bench.exports import export_all
from bench.memory import Watch
from bench.plan import Plan
from bench.server import Keys, Server

_SCRIPT: Final = Path(__file__).with_name("singles.lua")
_TEMPLATES: Final = 512
_MARK: Final = "@" * 16


class Load(NamedTuple):
    """What wrk saw: events, events per second, seconds."""

    requests: int
    rate: float
    p99_s: float


class Singles(NamedTuple):
    """Rates in events per second, times in seconds, memory in bytes."""

    track_rate: float
    bare_rate: float
    reply_p99_s: float
    memory_bytes: int
    counted: Count


def provide_wrk() -> None:
    """Install Debian's wrk when there is none, and say so. Raises RuntimeError when that is not possible."""
    if shutil.which("wrk"):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise RuntimeError("wrk is missing: install the Debian package `wrk`, or build it from its sources")
    print("wrk is missing; installing the Debian package `wrk` with apt-get", flush=True)
    for arguments in (("update",), ("install", "--yes", "--no-install-recommends", "wrk")):
        subprocess.run(["apt-get", "-qq", *arguments], check=True, stdout=subprocess.DEVNULL)


def measure_singles(server: Server, keys: Keys, plan: Plan, work: Path) -> Singles:
    """Bare, real, bare; then the count."""
    templates = _write_templates(plan, keys, work / "singles.jsonl")
    accepted = server.accepted("/track")
    with bare_server(server.workers) as bare_port:
        before = _run_wrk(bare_port, templates, plan)
        with Watch(server.pids) as watch:
            real = _run_wrk(server.port, templates, plan)
            server.wait_loaded()
        after = _run_wrk(bare_port, templates, plan)
    acknowledged = server.accepted("/track") - accepted
    server.wait_loaded()
    stored = export_all(server, keys).events
    return Singles(
        real.rate,
        statistics.mean((before.rate, after.rate)),
        real.p99_s,
        watch.highest_total,
        Count("/track", real.requests, acknowledged, stored, cut_max=plan.singles_connections).check(),
    )


def _write_templates(plan: Plan, keys: Keys, path: Path) -> Path:
    events = make_current_events(plan.kind, _TEMPLATES)
    for event in events:
        event["properties"] |= {"token": keys.token, "$insert_id": _MARK}
    path.write_bytes(b"\n".join(map(orjson.dumps, events)) + b"\n")
    return path


def _run_wrk(port: int, templates: Path, plan: Plan) -> Load:
    """Raises RuntimeError when a request failed."""
    command = ["wrk", "--threads", "1", "--connections", str(plan.singles_connections)]
    command += ["--duration", f"{plan.singles_s}s", "--timeout", "10s", "--script", str(_SCRIPT)]
    command += [f"http://127.0.0.1:{port}/track", "--", str(templates)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seen: dict[str, Any] = orjson.loads(output.splitlines()[-1])
    if seen["failed"]:
        raise RuntimeError(f"{seen['failed']} requests of wrk failed: {output}")
    return Load(seen["requests"], seen["requests"] / seen["duration_us"] * 1e6, seen["p99_us"] / 1e6)
