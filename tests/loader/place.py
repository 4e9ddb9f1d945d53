"""A journal and the store it is loaded into, and loaders that are killed on the way between them."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.ingest.stored_events import StoredEvent
from tests.loader.model import DAY_US, HOUR_US, SECOND_US, Profiles, Sending, expected_of, payload

from trackway.journal.entry import Rejection, decode_entries
from trackway.journal.head import Head
from trackway.journal.recovery import recover
from trackway.journal.writer import Writer
from trackway.loader.batch import Count
from trackway.loader.loader import Loader
from trackway.loader.profiles import ProfileKey
from trackway.settings import Settings
from trackway.store.client import Store

TABLES = ("events", "event_keys", "identity_links", "identity_refusals", "profiles", "rejected_records", "loads")
SEGMENT_BYTES = 1 << 16
LOAD_S_MAX = 30


class Killed(Exception):
    """The loader's process ends here."""


class FailingStore(Store):
    """A store that fails at one insert: before it is made, or after, when its answer is lost."""

    def __init__(self, url: str, at: int, *, after: bool, error: Exception):
        super().__init__(url)
        self.inserts = 0
        self.failed = False
        self._at = at
        self._after = after
        self._error = error

    def insert_rows(
        self,
        table: str,
        columns: Sequence[str],
        rows: bytes | Iterable[bytes],
        format: str = "RowBinary",
        settings: Mapping[str, str] | None = None,
    ) -> int:
        number, self.inserts = self.inserts, self.inserts + 1
        self.failed |= number == self._at
        if number == self._at and not self._after:
            raise self._error
        written = super().insert_rows(table, columns, rows, format, settings)
        if number == self._at:
            raise self._error
        return written


class StopWhenLoaded(threading.Event):
    """Stops a loader as soon as the store holds all that the journal does."""

    def __init__(self, head: Head):
        super().__init__()
        self._head = head
        self._deadline_s = time.monotonic() + LOAD_S_MAX

    def is_set(self) -> bool:
        assert time.monotonic() < self._deadline_s, "the journal is not loaded"
        return super().is_set() or self._head.loaded >= self._head.synced


class Place:
    """A journal, and the store it is loaded into."""

    def __init__(self, directory: Path, url: str):
        self.directory = directory / "journal"
        self.url = url
        self.began_us = time.time_ns() // 1000 - DAY_US - 2 * HOUR_US
        self.payloads: list[bytes] = []
        self.settings = Settings(data_dir=directory, load_interval_ms=10)
        recover(self.directory, segment_bytes=SEGMENT_BYTES)
        self.head = Head(self.directory)
        self._writer = Writer(self.directory, segment_bytes=SEGMENT_BYTES, background=lambda work: work())

    def append(self, *sendings: Sending) -> None:
        self.append_payloads([payload(sending, self.began_us) for sending in sendings])

    def append_payloads(self, payloads: list[bytes]) -> None:
        self._writer.append(payloads)
        self.payloads += payloads

    def load(self, store: Store | None = None) -> None:
        """A new loader loads until all is loaded or it is killed."""
        self.head.loaded = 0
        stop = StopWhenLoaded(self.head)
        with closing(store or Store(self.url)) as chosen:
            try:
                Loader(self.settings, self.directory, chosen, stop).run()
            finally:
                stop.set()

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(Store(self.url)) as store:
            return store.query(sql)

    def stored(self) -> list[tuple[Any, ...]]:
        return self.ask(
            "SELECT project_id, toUnixTimestamp64Micro(received), endpoint, toUnixTimestamp64Milli(time), event,"
            " distinct_id, insert_id, device_id, user_id, properties FROM events FINAL"
            " ORDER BY project_id, received, insert_id"
        )

    def counts(self) -> Counter[Count]:
        found = self.ask(
            "SELECT project_id, toUnixTimestamp(minute), endpoint, outcome, reason, sum(records) FROM loads"
            " GROUP BY ALL HAVING sum(records) > 0"
        )
        return Counter({Count(row[0], row[1] * SECOND_US, *row[2:5]): row[5] for row in found})

    def rejected(self) -> list[tuple[Any, ...]]:
        return self.ask(
            "SELECT project_id, toUnixTimestamp64Micro(received), `index`, endpoint, reason, field, insert_id, original"
            " FROM rejected_records FINAL ORDER BY received, position, project_id, `index`"
        )

    def profiles(self) -> Profiles:
        """The profiles that a query sees, whose properties are decoded."""
        found = self.ask("SELECT project_id, group_key, profile_id, properties FROM profiles FINAL")
        return {ProfileKey(*key): json.loads(text) for *key, text in found}

    def canonical_ids(self, project_id: int) -> dict[str, str]:
        """Of all ids that ever belonged to another one, as queries resolve them."""
        found = self.ask(
            f"SELECT id, argMax(canonical_id, rank) FROM identity_links WHERE project_id = {project_id} GROUP BY id"
        )
        return {id: canonical_id or id for id, canonical_id in found}

    def check(self) -> None:
        """What stands in the store is what the model says, each outcome once."""
        expected = expected_of(self.payloads)
        assert self.profiles() == expected.profiles
        for project_id, people in expected.people.items():
            ids = people.claims.keys() | people.moved.keys()
            assert self.canonical_ids(project_id) == {id: people.canonical(id) for id in ids}
        assert self.stored() == sorted(map(row_of, expected.stored))
        assert self.counts() == expected.counts
        entries = [entry for payload in self.payloads for entry in decode_entries(payload)]
        assert self.rejected() == [
            (entry.project_id, entry.received_us, each.index, entry.endpoint, *each_rejected(each))
            for entry in sorted(entries, key=lambda entry: entry.received_us)
            for each in entry.rejections
        ]

    def close(self) -> None:
        self._writer.close()
        self.head.close()


def each_rejected(rejection: Rejection) -> tuple[str, str, str, str]:
    return rejection.reason, rejection.field, rejection.insert_id, rejection.original.decode()


def row_of(event: StoredEvent) -> tuple[Any, ...]:
    return (
        event.project_id,
        event.received_us,
        event.endpoint,
        event.time_ms,
        event.event,
        event.distinct_id,
        event.insert_id,
        event.device_id,
        event.user_id,
        event.text.decode(),
    )
