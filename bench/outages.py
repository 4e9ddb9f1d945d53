"""What clients notice when the server of NATS that leads a stream is killed or frozen.

Sixteen clients send one event after the other, and each event again until it is acknowledged. The wait of an event is
the time from its first request to its 200. Every reply is counted by its status; a 503 must say when to try again.
"""

import http.client
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, NamedTuple

import orjson

from bench.counts import Count
from bench.exports import export_all
from bench.server import Keys, Server

CLIENTS: Final = 16
BEFORE_S: Final = 2.0
DURING_S: Final = 20.0
AFTER_S: Final = 2.0
AGAIN_S: Final = 0.25
_REPLY_S_MAX: Final = 60.0
ACCEPTED: Final = "200"
LATER: Final = "503 with Retry-After"


class Outage(NamedTuple):
    """`longest_s`: the longest wait of an event. `replies`: by status, `broken` for none."""

    longest_s: float
    replies: dict[str, int]
    counted: Count

    @property
    def refused(self) -> int:
        return self.replies.get(LATER, 0)

    @property
    def wrong(self) -> int:
        """Replies that no client expects."""
        return sum(number for status, number in self.replies.items() if status not in (ACCEPTED, LATER))


class _Clients:
    def __init__(self, port: int):
        self.replies = Counter[str]()
        self.waits_s: list[float] = []
        self._port = port
        self._lock = threading.Lock()

    def run(self, keys: Keys, stop: threading.Event) -> None:
        """Send events until `stop` is set and the last one is acknowledged."""
        while not stop.is_set():
            properties = {"token": keys.token, "distinct_id": "client", "$insert_id": uuid.uuid4().hex}
            body = orjson.dumps([{"event": "Sent in an outage", "properties": properties}])
            began_s = time.monotonic()
            while (status := self._send(body)) != ACCEPTED:
                self._note(status)
                time.sleep(AGAIN_S)
            self._note(status)
            self.waits_s.append(time.monotonic() - began_s)

    def _send(self, body: bytes) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_REPLY_S_MAX)
        with suppress(OSError, http.client.HTTPException):
            connection.request("POST", "/track", body, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            reply.read()
            later = reply.status == 503 and int(reply.headers.get("Retry-After", "0")) > 0
            return LATER if later else str(reply.status)
        return "broken"

    def _note(self, status: str) -> None:
        with self._lock:
            self.replies[status] += 1


def measure_outage(
    server: Server, projects: Sequence[Keys], begin: Callable[[], None], end: Callable[[], None]
) -> Outage:
    """`begin` the outage under load, `end` it later. Raises RuntimeError when an event was lost or doubled."""
    stop, clients = threading.Event(), _Clients(server.port)
    with ThreadPoolExecutor(CLIENTS) as threads:
        running = [threads.submit(clients.run, projects[number % len(projects)], stop) for number in range(CLIENTS)]
        try:
            time.sleep(BEFORE_S)
            begin()
            time.sleep(DURING_S)
            end()
            time.sleep(AFTER_S)
        finally:
            stop.set()
        for client in running:
            client.result()
    server.wait_loaded()
    stored = sum(export_all(server, keys).events for keys in projects)
    counted = Count("an outage", len(clients.waits_s), clients.replies[ACCEPTED], stored).check()
    return Outage(max(clients.waits_s), dict(clients.replies), counted)
