"""How long an acknowledged event takes to show: from its 200 to the first export that has it, under half load.

The load is `/import` batches at half of the rate that was queryable in this round. Beside it, an event leaves every
100 ms to a project of its own, and one export of that project follows the other; an event is visible when the export
that has it has arrived whole. The time an export takes is therefore part of the figure.
"""

import threading
import time
import uuid
from collections.abc import Mapping
from typing import Final, NamedTuple

import orjson

from bench.bodies import Bodies
from bench.counts import Count
from bench.exports import export_all
from bench.imports import percentile
from bench.plan import EVENTS_PER_BATCH, Plan
from bench.sender import Order, Sending
from bench.server import Keys, Server, ask, export_target

PROBE_INTERVAL_S: Final = 0.1
LOOK_INTERVAL_S: Final = 0.02
VISIBLE_S_MAX: Final = 120.0


class Visibility(NamedTuple):
    """Times in seconds; the rate, in events per second, is what the load came to. Both counts must hold."""

    p50_s: float
    p99_s: float
    probes: int
    load_rate: float
    probe_count: Count
    load_count: Count


class _Probes:
    """A thread that sends an event every 100 ms. `acknowledged_s`: by $insert_id, when its 200 was there."""

    def __init__(self, server: Server, keys: Keys):
        self.acknowledged_s: dict[str, float] = {}
        self.failure: Exception | None = None
        self._server = server
        self._keys = keys
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="probes", daemon=True)

    def __enter__(self) -> "_Probes":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.wait(PROBE_INTERVAL_S):
                self._send(uuid.uuid4().hex)
        except (OSError, RuntimeError) as error:
            self.failure = error

    def _send(self, insert_id: str) -> None:
        properties = {"token": self._keys.token, "distinct_id": "probe", "$insert_id": insert_id}
        self._server.track({"event": "Probe", "properties": properties})
        self.acknowledged_s[insert_id] = time.monotonic()


def measure_visibility(server: Server, load: Keys, probed: Keys, bodies: Bodies, plan: Plan, rate: float) -> Visibility:
    """rate: of the load, in events per second. load, probed: a new project each."""
    batches_per_s = rate / EVENTS_PER_BATCH
    batches = max(1, min(bodies.batches, int(batches_per_s * plan.visible_s)))
    order = Order(server.port, load.authorization, str(bodies.path), batches, plan.connections, batches_per_s)
    with Sending(order) as sending, _Probes(server, probed) as probes:
        seen_s = _look(server, probed, sending, probes)
        sent = sending.result()
    server.wait_loaded()
    events = batches * EVENTS_PER_BATCH
    times_s = [max(seen_s[each] - at_s, 0.0) for each, at_s in probes.acknowledged_s.items()]
    return Visibility(
        percentile(times_s, 50),
        percentile(times_s, 99),
        len(times_s),
        events / (sent.acknowledged_s - sent.began_s),
        Count("probes", len(times_s), len(times_s), export_all(server, probed).events).check(),
        Count("/import at half load", events, sent.acknowledged, export_all(server, load).events).check(),
    )


def _look(server: Server, keys: Keys, sending: Sending, probes: _Probes) -> Mapping[str, float]:
    """When each probe was first seen. Ends once the load has ended and every probe was seen."""
    seen_s: dict[str, float] = {}
    deadline_s = time.monotonic() + VISIBLE_S_MAX
    while sending.running or seen_s.keys() < probes.acknowledged_s.keys():
        if not sending.running:
            probes.stop()
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{len(probes.acknowledged_s)} probes sent, {len(seen_s)} seen in {VISIBLE_S_MAX} s")
        found = _exported(server, keys)
        now_s = time.monotonic()
        for insert_id in found:
            seen_s.setdefault(insert_id, now_s)
        time.sleep(LOOK_INTERVAL_S)
    if probes.failure is not None:
        raise probes.failure
    return seen_s


def _exported(server: Server, keys: Keys) -> list[str]:
    """The ids of the events that an export shows now."""
    status, body = ask(server.port, "GET", export_target(), {"Authorization": keys.authorization})
    if status != 200:
        raise RuntimeError(f"export answered {status}: {body[:300]!r}")
    return [orjson.loads(line)["properties"]["$insert_id"] for line in body.splitlines()]
