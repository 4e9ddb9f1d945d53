"""`/healthz`, `/readyz` and `/metrics`, for operators, load balancers and Prometheus.

Anybody may read them, so a fault has a fixed text. The texts of the drivers of disk and store name paths, addresses and
users. They go to the log, once for each fault.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import orjson

from trackway.domain.entry import PROBE
from trackway.domain.errors import StorageError
from trackway.edge.limits import (
    HEALTH_PROBE_INTERVAL_S,
    HEALTH_PROBE_S_MAX,
    HEALTH_PROBE_WAIT_S,
    LOADER_SILENCE_S_MAX,
)
from trackway.edge.wire.asgi import Receive, Scope, Send, send_reply
from trackway.edge.wire.replies import JSON, Reply
from trackway.journal.log import Appender, Progress
from trackway.runtime.disk_room import NO_ROOM
from trackway.store.reader import Reader
from trackway.telemetry import logs, metrics

_JOURNAL_FAULT: Final = "the journal cannot be written"
_STORE_FAULT: Final = "the store does not answer"
_log = logs.get("health")


class PartitionReadiness(NamedTuple):
    """A partition of the journal: whether the loader's last try did not fail, and the bytes that are not in the
    store."""

    is_loading: bool
    lag_bytes: int


class Readiness(NamedTuple):
    """Whether events that arrive can be queried.

    `lag_bytes`: of the journal's partition that lags most, not in the store; None until the loader has begun, and the
    store has its tables.
    `store_fault`: what is wrong with the store, or ''. `is_loading`: the loader's last try did not fail.
    """

    loader_up: bool
    lag_bytes: int | None
    store_fault: str
    is_loading: bool = True
    partitions: Sequence[PartitionReadiness] = ()

    @property
    def is_ready(self) -> bool:
        return self.loader_up and self.is_loading and self.lag_bytes is not None and not self.store_fault


class Health:
    """Answers from the journal, its progress and a ping of the store."""

    def __init__(self, journal: Appender, progress: Progress, store: Reader):
        self._journal = journal
        self._progress = progress
        self._store = store
        self._asking: asyncio.Task[str] | None = None
        self._probe: asyncio.Task[None] | None = None
        self._probed_s = float("-inf")
        self._fault = ""
        self._store_fault = ""

    async def healthz(self, scope: Scope, receive: Receive, send: Send) -> None:
        """200 while this process can accept and make durable: an empty record is really written and synced.

        A probe that takes long is not a fault yet: a replicated journal has no leader for some seconds, and a balancer
        must not drop all machines for that. It answers as before meanwhile.
        """
        now_s = time.monotonic()
        if self._probe is None and now_s - self._probed_s > HEALTH_PROBE_INTERVAL_S:
            self._probed_s = now_s
            probe = self._probe = asyncio.create_task(self._probe_journal())
            await asyncio.wait({probe}, timeout=HEALTH_PROBE_WAIT_S)
            if probe.done():
                probe.result()  # raises programming errors
        is_silent = self._probe is not None and now_s - self._probed_s > HEALTH_PROBE_S_MAX
        fault = self._fault or (_JOURNAL_FAULT if is_silent else "")
        body = {"status": "unavailable", "error": fault} if fault else {"status": "ok"}
        await send_reply(scope, send, Reply(503 if fault else 200, JSON, orjson.dumps(body)))

    async def _probe_journal(self) -> None:
        try:
            await self._journal.append(PROBE)
            fault = ""
        except StorageError as error:
            fault = NO_ROOM if str(error) == NO_ROOM else _JOURNAL_FAULT
            _log_change(self._fault, fault, error)
        finally:
            self._probe = None
        self._fault = fault

    async def readyz(self, scope: Scope, receive: Receive, send: Send) -> None:
        """200 while what is sent can also be asked for: loader and store are up, and the last load did not fail."""
        found = await self.readiness()
        loader: dict[str, Any] = {"up": found.loader_up, "loading": found.is_loading, "lag_bytes": found.lag_bytes}
        if len(found.partitions) > 1:
            loader["partitions"] = [
                {"loading": each.is_loading, "lag_bytes": each.lag_bytes} for each in found.partitions
            ]
        body = {
            "status": "ready" if found.is_ready else "not ready",
            "loader": loader,
            "store": {"up": not found.store_fault, "error": found.store_fault or None},
        }
        await send_reply(scope, send, Reply(200 if found.is_ready else 503, JSON, orjson.dumps(body)))

    async def readiness(self) -> Readiness:
        """How loader and store are; asks the store, as long as its workload may."""
        silence_s = time.time() - self._progress.heartbeat_ms / 1000
        store_fault = await self._ping()
        lags = self._progress.lags() if self._progress.has_begun else []
        loader_up, is_loading = silence_s < LOADER_SILENCE_S_MAX, not self._progress.failing
        partitions = [
            PartitionReadiness(not each.failing, lag)
            for each, lag in zip(self._progress.partitions, lags, strict=False)
        ]
        return Readiness(loader_up, max(lags, default=None), store_fault, is_loading, partitions)

    async def _ping(self) -> str:
        """One question for all who ask at the same time: a store that does not answer keeps nobody waiting in a row."""
        if self._asking is None:
            self._asking = asyncio.create_task(self._asked())
        try:
            return await asyncio.shield(self._asking)
        finally:
            if self._asking is not None and self._asking.done():
                self._asking = None

    async def _asked(self) -> str:
        try:
            await self._store.ping()
            fault = ""
        except StorageError as error:
            _log_change(self._store_fault, _STORE_FAULT, error)
            fault = _STORE_FAULT
        self._store_fault = fault
        return fault

    async def metrics(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, content_type = await asyncio.to_thread(metrics.render)
        await send_reply(scope, send, Reply(200, content_type.encode(), body))


def _log_change(before: str, fault: str, error: StorageError) -> None:
    if before != fault:
        _log.error(fault, error=str(error))
