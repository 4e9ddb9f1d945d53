"""Sends rejected records again: from the store through the rules into the journal, and says in the store that it did.

A record that still breaks a rule is told and nothing of it is kept anew. One that does not is first marked as begun,
then made durable in the journal, then marked as replayed. So a process that dies in between leaves a mark: an event is
sent once more then, and recognised by its `$insert_id`; a profile update, which might count twice, is not. One replay
of a project runs at a time, in all edge processes: whoever comes second finds what the first has marked.
"""

import asyncio
import fcntl
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from trackway import metrics
from trackway.edge.routes import Parts
from trackway.errors import RequestError, StorageError
from trackway.ingest.events import Arrival
from trackway.ingest.records import MalformedBody
from trackway.ingest.replay import Change, Origin, replay
from trackway.ingest.request import Ingested
from trackway.journal.entry import Endpoint, decode_entries, encode_entries
from trackway.limits import (
    REJECTED_ORIGINAL_BYTES_MAX,
    REPLAY_BYTES_MAX,
    REPLAY_RECORDS_MAX,
    RETRY_AFTER_BUSY_S,
    RETRY_AFTER_STORAGE_S,
)
from trackway.projects.project import Project
from trackway.query import rejected
from trackway.query.rejected import Key, RejectedRecord, State


class Replayed(NamedTuple):
    """What a replay did: records replayed, and those that are still refused, by their new reason.

    `rest_before` is where records that were not looked at begin, None when all were.
    """

    replayed: int
    refused: Counter[str]
    rest_before: Key | None = None


class _Ready(NamedTuple):
    """A record that breaks no rule any more."""

    key: Key
    ingested: Ingested


class Replays:
    """Replays of one project, by a person called `name`. Every method raises StorageError and RequestError."""

    def __init__(self, parts: Parts, project: Project, name: str):
        self._parts = parts
        self._project = project
        self._name = name

    async def one(self, key: Key, text: bytes | None) -> Replayed:
        """Send a record again, mended where `text` is given; RequestError 409 when it was replayed before."""
        with self._alone():
            found = await asyncio.to_thread(
                rejected.record, self._parts.store, self._project.project_id, key, REJECTED_ORIGINAL_BYTES_MAX
            )
            if found is None:
                raise RequestError(404, "no such rejected record: it may be too old to be kept")
            if not found.may_be_replayed and not (text and found.state is State.OPEN):
                raise RequestError(409, "this record cannot be sent again: it has been, or nothing of it is kept")
            ready, refused = await asyncio.to_thread(self._decide, [found], text, None)
            return Replayed(await self._send(ready, found.endpoint), refused)

    async def all_of(self, endpoint: Endpoint, reason: str, change: Change | None, before: Key | None) -> Replayed:
        """Send the newest REPLAY_RECORDS_MAX records of a reason again, each with a change if one is given."""
        with self._alone():
            found, rest = await asyncio.to_thread(self._candidates, endpoint, reason, before)
            ready, refused = await asyncio.to_thread(self._decide, found, None, change)
            replayed = await self._send(ready, endpoint)
        return Replayed(replayed, refused, rest)

    def _candidates(
        self, endpoint: Endpoint, reason: str, before: Key | None
    ) -> tuple[list[RejectedRecord], Key | None]:
        """Those that may be sent, newest first, at least one and otherwise within REPLAY_BYTES_MAX; the last of them,
        if there are more."""
        store, project_id = self._parts.store, self._project.project_id
        records = partial(rejected.records, store, project_id, endpoint, reason, before=before, sendable=True)
        listed = records(count=REPLAY_RECORDS_MAX + 1, bytes_max=0)
        fitting, size = 0, 0
        for each in listed[:REPLAY_RECORDS_MAX]:
            size += each.size_bytes
            if fitting and size > REPLAY_BYTES_MAX:
                break
            fitting += 1
        if not fitting:
            return [], None
        found = records(count=fitting, bytes_max=REJECTED_ORIGINAL_BYTES_MAX)
        return found, listed[fitting - 1].key if len(listed) > fitting else None

    def _decide(
        self, found: Sequence[RejectedRecord], text: bytes | None, change: Change | None
    ) -> tuple[list[_Ready], Counter[str]]:
        """The rules, once more; only a record of which everything is accepted is sent."""
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
        )

    async def _send(self, ready: Sequence[_Ready], endpoint: Endpoint) -> int:
        """Make them durable, and marked; their number."""
        if not ready:
            return 0
        number = sum(each.ingested.received for each in ready)
        payload = encode_entries([entry for each in ready for entry in decode_entries(each.ingested.payload)])
        self._parts.rates.check_records(self._project)
        keys = [each.key for each in ready]
        await self._mark(keys, State.BEGUN)
        try:
            await self._parts.journal.commit(payload)
        except StorageError as error:
            await self._mark(keys, State.OPEN)
            raise RequestError(503, str(error), retry_after_s=RETRY_AFTER_STORAGE_S) from error
        self._parts.rates.count_records(self._project, number, len(payload))
        metrics.records((endpoint if endpoint.takes_profiles else Endpoint.IMPORT).path, "accepted", number)
        await self._mark(keys, State.REPLAYED)
        return len(ready)

    async def _mark(self, keys: Sequence[Key], state: State) -> None:
        made_us = time.time_ns() // 1000
        await asyncio.to_thread(
            rejected.mark, self._parts.store, self._project.project_id, keys, state, made_us, self._name
        )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Holds the project's lock, which goes with the process. Raises RequestError 403 where the project's data does
        not belong here, and 503 while another replay runs."""
        if self._project.region != self._parts.settings.region:
            raise RequestError(403, f"data of this project belongs to region {self._project.region}")
        directory = self._parts.settings.run_dir / "replays"
        directory.mkdir(exist_ok=True)
        file = os.open(directory / str(self._project.project_id), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise RequestError(
                    503, "another replay of this project is running", retry_after_s=RETRY_AFTER_BUSY_S
                ) from error
            yield
        finally:
            os.close(file)
