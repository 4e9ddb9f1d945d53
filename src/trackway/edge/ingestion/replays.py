"""Replays rejected records: from the store through the rules into the journal, and marks them in the store.

A record that still breaks a rule is reported, and nothing of it is stored again. Any other record is first marked as
begun, then made durable in the journal, then marked as replayed. So a process that dies in between leaves a mark. An
event is then sent once more, and deduplicated by its `$insert_id`. A profile update is not sent again, since it might
count twice. One replay of a project runs at a time, in all edge processes of all machines. The second one finds the
marks of the first.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import join_payloads
from trackway.domain.errors import RequestError, StorageError
from trackway.domain.limits import REJECTED_ORIGINAL_BYTES_MAX, RETRY_AFTER_BUSY_S, RETRY_AFTER_STORAGE_S
from trackway.domain.region import refusal
from trackway.edge.limits import REPLAY_BYTES_MAX, REPLAY_RECORDS_MAX
from trackway.edge.quotas.rate_limits import RateLimits
from trackway.geo.locator import Locator
from trackway.ingest.arrival import Arrival
from trackway.ingest.outcome import Ingested
from trackway.ingest.replay import Change, Origin, replay
from trackway.ingest.split import MalformedBody
from trackway.journal.log import Appender
from trackway.projects.project import Project
from trackway.projects.project_lock import ProjectLock, replay_lock
from trackway.query import rejected_records
from trackway.query.rejected_records import Key, RejectedRecord, State
from trackway.runtime.disk_room import DiskRoom
from trackway.settings.table import Settings
from trackway.store.reader import Reader
from trackway.telemetry import metrics


class Replayed(NamedTuple):
    """The result of a replay: the number of records replayed, and of those still refused, by their new reason.

    `rest_before` is where the records begin that were not read, None when all were.
    """

    replayed: int
    refused: Counter[str]
    rest_before: Key | None = None


class _Ready(NamedTuple):
    """A record that no longer breaks a rule."""

    key: Key
    ingested: Ingested


@dataclass(frozen=True, kw_only=True)
class ReplayParts:
    """What a replay reads from and writes to."""

    settings: Settings
    reader: Reader
    journal: Appender
    rates: RateLimits
    locator: Locator
    room: DiskRoom


class Replays:
    """Replays of one project, by a person called `name`. Every method raises StorageError and RequestError."""

    def __init__(self, parts: ReplayParts, project: Project, name: str):
        self._parts = parts
        self._project = project
        self._name = name

    async def one(self, key: Key, text: bytes | None) -> Replayed:
        """Replay a record, or `text` in its place. Raises RequestError 409 when it was replayed before."""
        async with self._alone() as lock:
            found = await rejected_records.record(
                self._parts.reader, self._project.project_id, key, REJECTED_ORIGINAL_BYTES_MAX
            )
            if found is None:
                raise RequestError(404, "no such rejected record: it may be too old to be kept")
            if not found.may_be_replayed and not (text and found.state is State.OPEN):
                raise RequestError(409, "this record cannot be sent again: it has been, or nothing of it is kept")
            ready, refused = await asyncio.to_thread(self._decide, [found], text, None)
            return Replayed(await self._send(lock, ready, found.endpoint), refused)

    async def all_of(self, endpoint: Endpoint, reason: str, change: Change | None, before: Key | None) -> Replayed:
        """Replay the newest REPLAY_RECORDS_MAX records of a reason, each with the change, if there is one."""
        async with self._alone() as lock:
            found, rest = await self._candidates(endpoint, reason, before)
            ready, refused = await asyncio.to_thread(self._decide, found, None, change)
            replayed = await self._send(lock, ready, endpoint)
        return Replayed(replayed, refused, rest)

    async def _candidates(
        self, endpoint: Endpoint, reason: str, before: Key | None
    ) -> tuple[list[RejectedRecord], Key | None]:
        """The records that may be replayed, newest first: at least one, and otherwise within REPLAY_BYTES_MAX. Where
        there are more, also the key of the last one."""
        reader, project_id = self._parts.reader, self._project.project_id
        records = partial(rejected_records.records, reader, project_id, endpoint, reason, before=before, sendable=True)
        listed = await records(count=REPLAY_RECORDS_MAX + 1, bytes_max=0)
        fitting, size = 0, 0
        for each in listed[:REPLAY_RECORDS_MAX]:
            size += each.size_bytes
            if fitting and size > REPLAY_BYTES_MAX:
                break
            fitting += 1
        if not fitting:
            return [], None
        found = await records(count=fitting, bytes_max=REJECTED_ORIGINAL_BYTES_MAX)
        return found, listed[fitting - 1].key if len(listed) > fitting else None

    def _decide(
        self, found: Sequence[RejectedRecord], text: bytes | None, change: Change | None
    ) -> tuple[list[_Ready], Counter[str]]:
        """Apply the rules again. A record is sent only when all of it is accepted."""
        ready: list[_Ready] = []
        refused: Counter[str] = Counter()
        for each in found:
            origin = Origin(f"{self._project.project_id} {each.key.text}", each.key.received_us)
            try:
                ingested = replay(each.original if text is None else text, origin, self._arrival(each), change)
            except MalformedBody as fault:
                refused[str(fault)] += 1
                continue
            if ingested.failures:
                refused[ingested.failures[0].message] += 1
            else:
                ready.append(_Ready(each.key, ingested))
        return ready, refused

    def _arrival(self, found: RejectedRecord) -> Arrival:
        project, locator = self._project, self._parts.locator
        return Arrival(
            endpoint=found.endpoint,
            received_us=time.time_ns() // 1000,
            find_project=lambda _token: project,
            project=project,
            region=self._parts.settings.region,
            place_of=locator.place_of,
            nearest=locator.nearest,
            event_retention=self._parts.settings.event_retention,
        )

    async def _send(self, lock: ProjectLock, ready: Sequence[_Ready], endpoint: Endpoint) -> int:
        """Make the records durable and mark them. Returns their number."""
        if not ready:
            return 0
        number = sum(each.ingested.received for each in ready)
        payload = join_payloads(each.ingested.payload for each in ready)
        self._parts.rates.check_records(self._project)
        keys = [each.key for each in ready]
        if not await asyncio.to_thread(lock.is_held):
            raise _busy("the replay was interrupted: nothing was sent")
        await self._mark(keys, State.BEGUN)
        try:
            await self._parts.journal.append(payload)
        except StorageError as error:
            await self._mark(keys, State.OPEN)
            raise RequestError(503, str(error), retry_after_s=RETRY_AFTER_STORAGE_S) from error
        self._parts.rates.count_records(self._project, number, len(payload))
        metrics.records((endpoint if endpoint.takes_profiles else Endpoint.IMPORT).path, "accepted", number)
        await self._mark(keys, State.REPLAYED)
        return len(ready)

    async def _mark(self, keys: Sequence[Key], state: State) -> None:
        made_us = time.time_ns() // 1000
        await rejected_records.mark(self._parts.reader, self._project.project_id, keys, state, made_us, self._name)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[ProjectLock]:
        """Holds the project's lock, which goes with the process. Raises RequestError 403 where the project's data does
        not belong here, and 503 while another replay runs or the disk is nearly full."""
        self._parts.room.check()
        if reason := refusal(self._project.region, self._parts.settings.region):
            raise RequestError(403, reason)
        settings = self._parts.settings
        lock = replay_lock(settings.projects_at, settings.run_dir, self._project.project_id)
        try:
            if not await asyncio.to_thread(lock.try_take):
                raise _busy("another replay of this project is running")
            yield lock
        finally:
            await asyncio.to_thread(lock.close)


def _busy(reason: str) -> RequestError:
    return RequestError(503, reason, retry_after_s=RETRY_AFTER_BUSY_S)
