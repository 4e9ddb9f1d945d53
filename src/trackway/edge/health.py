"""`/healthz`, `/readyz` and `/metrics`: what an operator, a load balancer and Prometheus ask."""

import asyncio
import time
from typing import NamedTuple

import orjson

from trackway import metrics
from trackway.edge.http import Receive, Scope, Send, send_reply
from trackway.edge.replies import JSON, Reply
from trackway.errors import StorageError
from trackway.journal.commit import GroupCommit
from trackway.journal.entry import encode_entries
from trackway.journal.format import distance_bytes
from trackway.journal.head import Head
from trackway.limits import HEALTH_PROBE_INTERVAL_S, LOADER_SILENCE_S_MAX
from trackway.store.client import Store

_PROBE = encode_entries([])


class Readiness(NamedTuple):
    """Whether what is sent can also be asked for. `lag_bytes`: of the journal, not in the store; None until the loader
    has said. `store_fault`: why the store does not answer, or ''."""

    loader_up: bool
    lag_bytes: int | None
    store_fault: str

    @property
    def is_ready(self) -> bool:
        return self.loader_up and not self.store_fault


class Health:
    """Answers from the journal itself, the shared head and a ping of the store."""

    def __init__(self, journal: GroupCommit, head: Head, store: Store):
        self._journal = journal
        self._head = head
        self._store = store
        self._probed_s = float("-inf")
        self._fault = ""

    async def healthz(self, scope: Scope, receive: Receive, send: Send) -> None:
        """200 while this process can accept and make durable: an empty record is really written and synced."""
        now_s = time.monotonic()
        if now_s - self._probed_s > HEALTH_PROBE_INTERVAL_S:
            self._probed_s = now_s
            try:
                await self._journal.commit(_PROBE)
                self._fault = ""
            except StorageError as error:
                self._fault = str(error)
        body = {"status": "unavailable", "error": self._fault} if self._fault else {"status": "ok"}
        await send_reply(scope, send, Reply(503 if self._fault else 200, JSON, orjson.dumps(body)))

    async def readyz(self, scope: Scope, receive: Receive, send: Send) -> None:
        """200 while what is sent can also be asked for: loader and store are up."""
        found = await self.readiness()
        body = {
            "status": "ready" if found.is_ready else "not ready",
            "loader": {"up": found.loader_up, "lag_bytes": found.lag_bytes},
            "store": {"up": not found.store_fault, "error": found.store_fault or None},
        }
        await send_reply(scope, send, Reply(200 if found.is_ready else 503, JSON, orjson.dumps(body)))

    async def readiness(self) -> Readiness:
        """How loader and store are; asks the store, and waits for it HEALTH_STORE_S_MAX at most."""
        silence_s = time.time() - self._head.heartbeat_ms / 1000
        store_fault = await asyncio.to_thread(self._ping)
        lag_bytes = distance_bytes(self._head.loaded, self._head.synced) if self._head.loaded else None
        return Readiness(silence_s < LOADER_SILENCE_S_MAX, lag_bytes, store_fault)

    def _ping(self) -> str:
        try:
            self._store.ping()
        except StorageError as error:
            return str(error)
        return ""

    async def metrics(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, content_type = await asyncio.to_thread(metrics.render)
        await send_reply(scope, send, Reply(200, content_type.encode(), body))
