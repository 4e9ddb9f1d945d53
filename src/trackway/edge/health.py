"""`/healthz`, `/readyz` and `/metrics`: what an operator, a load balancer and Prometheus ask."""

import asyncio
import time

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
        silence_s = time.time() - self._head.heartbeat_ms / 1000
        loader_up = silence_s < LOADER_SILENCE_S_MAX
        store_fault = await asyncio.to_thread(self._ping)
        ready = loader_up and not store_fault
        lag_bytes = distance_bytes(self._head.loaded, self._head.synced) if self._head.loaded else None
        body = {
            "status": "ready" if ready else "not ready",
            "loader": {"up": loader_up, "lag_bytes": lag_bytes},
            "store": {"up": not store_fault, "error": store_fault or None},
        }
        await send_reply(scope, send, Reply(200 if ready else 503, JSON, orjson.dumps(body)))

    def _ping(self) -> str:
        try:
            self._store.ping()
        except StorageError as error:
            return str(error)
        return ""

    async def metrics(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, content_type = await asyncio.to_thread(metrics.render)
        await send_reply(scope, send, Reply(200, content_type.encode(), body))
