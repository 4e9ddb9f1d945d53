"""A disk and a store that fail are told in fixed words, and by their own once in the log."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any, cast

import pytest
import structlog

from trackway.domain.errors import StorageError
from trackway.edge.api import health as health_module
from trackway.edge.api.health import Health
from trackway.journal.group_commit import GroupCommit
from trackway.journal.segments.head import make
from trackway.journal.segments.progress import SegmentProgress
from trackway.store.reader import Reader

DISK = "/data/journal/0001: no space left on device"
STORE = "HTTPConnectionPool(host='10.0.0.7', port=8123): connection refused"


class FailingJournal:
    async def append(self, _payload: bytes) -> None:
        raise StorageError(DISK)


class FailingStore:
    async def ping(self) -> None:
        raise StorageError(STORE)


class GoodStore:
    async def ping(self) -> None:
        pass


@pytest.mark.parametrize(("failing", "status"), [(True, 503), (False, 200)])
def test_a_server_whose_last_load_failed_is_not_ready(tmp_path: Path, failing: bool, status: int) -> None:
    make(tmp_path)
    progress = SegmentProgress(tmp_path)
    progress.heartbeat_ms = time.time_ns() // 1_000_000
    progress.loaded = progress.synced + 1
    progress.failing = failing
    found, body = readyz(progress)
    assert found == status
    assert body["loader"]["loading"] is not failing


def test_a_server_whose_loader_has_not_begun_is_not_ready(tmp_path: Path) -> None:
    # It makes the store's tables first: an export before that would ask for what is not there.
    make(tmp_path)
    progress = SegmentProgress(tmp_path)
    progress.heartbeat_ms = time.time_ns() // 1_000_000
    assert readyz(progress)[0] == 503
    progress.loaded = progress.synced + 1
    assert readyz(progress)[0] == 200


def readyz(progress: SegmentProgress) -> tuple[int, dict[str, Any]]:
    health = Health(cast("GroupCommit", FailingJournal()), progress, cast("Reader", GoodStore()))
    said: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        said.append(message)

    asyncio.run(health.readyz({"method": "GET", "headers": []}, None, send))  # type: ignore[arg-type]
    return said[0]["status"], json.loads(said[1]["body"])


@pytest.mark.parametrize("path", ["healthz", "readyz"])
def test_failures_are_told_in_fixed_words_and_logged_once(tmp_path: Path, path: str) -> None:
    make(tmp_path)
    health = Health(cast("GroupCommit", FailingJournal()), SegmentProgress(tmp_path), cast("Reader", FailingStore()))
    said: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        said.append(message)

    async def twice() -> None:
        for _ in range(2):
            await getattr(health, path)({"method": "GET", "headers": []}, None, send)

    with structlog.testing.capture_logs() as logged:
        asyncio.run(twice())
    statuses = [message["status"] for message in said if "status" in message]
    bodies = [message["body"].decode() for message in said if "body" in message]
    assert statuses == [503, 503] and all(json.loads(body) for body in bodies)
    assert not any(word in body for body in bodies for word in ("/data", "10.0.0.7", "space", "refused"))
    assert [each["error"] for each in logged] == [DISK if path == "healthz" else STORE]


class SlowJournal:
    """Its appends end when the test says so."""

    def __init__(self) -> None:
        self.appends = 0
        self.end = asyncio.Event()

    async def append(self, _payload: bytes) -> None:
        self.appends += 1
        await self.end.wait()


def test_a_journal_that_is_slow_is_no_fault_until_it_is_silent_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_module, "HEALTH_PROBE_WAIT_S", 0.01)
    monkeypatch.setattr(health_module, "HEALTH_PROBE_INTERVAL_S", 0.0)
    make(tmp_path)

    async def statuses() -> list[int]:
        journal = SlowJournal()
        health = Health(cast("GroupCommit", journal), SegmentProgress(tmp_path), cast("Reader", GoodStore()))
        found: list[int] = []

        async def send(message: Any) -> None:
            if "status" in message:
                found.append(message["status"])

        async def ask() -> None:
            await health.healthz({"method": "GET", "headers": []}, None, send)  # type: ignore[arg-type]

        await ask()
        await ask()
        assert journal.appends == 1, "probes pile up"
        monkeypatch.setattr(health_module, "HEALTH_PROBE_S_MAX", 0.0)
        await ask()
        journal.end.set()
        await asyncio.sleep(0.01)
        await ask()
        return found

    assert asyncio.run(statuses()) == [200, 200, 503, 200]
