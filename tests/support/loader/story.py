"""A journal and the store it is loaded into, and loaders that are killed on the way between them."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.support.ingest.stored_events import StoredEvent, entry_events
from tests.support.loader.expected import SECOND_US, STORY_US, Profiles, Sending, expected_of, payload
from tests.support.store.process import RunningStore
from tests.support.store.tables import empty_all
from trackway.domain.entry import Rejection, decode_entries, encode_entries
from trackway.domain.erased_id import KEY_BYTES
from trackway.journal.segments.head import Head
from trackway.journal.segments.segment_journal import SegmentJournal
from trackway.journal.segments.writer import Writer
from trackway.loader.batch import Count, read_entries
from trackway.loader.erased import Erased
from trackway.loader.loop import Loader
from trackway.loader.moments import Moments
from trackway.loader.part_verification import CONTENT
from trackway.loader.profile_loading import ProfileKey
from trackway.settings.table import Settings
from trackway.store.client import Store

TABLES = (*CONTENT, "damage")


def clear(store: Store, *tables: str) -> None:
    """Empty the loader's tables, and others. A token outlives its part where the store has taken that out as broken."""
    empty_all(store, (*TABLES, *tables))
    for window in (0, 1000):
        store.command(
            f"ALTER TABLE {store.holding('loads')} MODIFY SETTING non_replicated_deduplication_window = {window}"
        )


SEGMENT_BYTES = 1 << 16
LOAD_S_MAX = 30


def unguarded() -> None:
    """A guard for tests in which no store takes parts out."""


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


class StopWhen(threading.Event):
    """Stops a loader as soon as something is so, and fails when it takes too long. Only the loader's own thread, which
    makes it, looks."""

    def __init__(self, condition: Callable[[], bool]):
        super().__init__()
        self._condition = condition
        self._deadline_s = time.monotonic() + LOAD_S_MAX
        self._thread = threading.current_thread()

    def is_set(self) -> bool:
        if super().is_set() or threading.current_thread() is not self._thread:
            return super().is_set()
        assert time.monotonic() < self._deadline_s, "the journal is not loaded"
        return self._condition()


class Place:
    """A journal, and the store it is loaded into."""

    def __init__(self, directory: Path, url: str, running: RunningStore | None = None):
        self._running = running
        self.directory = directory / "journal"
        self.url = url
        self.erased = Erased(bytes(KEY_BYTES))
        self.began_us = time.time_ns() // 1000 - STORY_US
        self.payloads: list[bytes] = []
        self.settings = Settings(data_dir=directory, load_interval_ms=10)
        self.journal = SegmentJournal(self.directory, segment_bytes=SEGMENT_BYTES)
        self.journal.recover()
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
        self.load_until(lambda: self.head.loaded >= self.head.synced, store)

    def load_until(self, condition: Callable[[], bool], store: Store | None = None) -> None:
        """A new loader loads until something is so."""
        stop = StopWhen(condition)
        with closing(store or Store(self.url)) as chosen:
            try:
                Loader(self.settings, self.journal, chosen, stop, erased=self.erased).run()
            finally:
                stop.set()

    @contextmanager
    def loading(self, moments: Moments | None = None) -> Iterator[Loader]:
        """A loader of its own thread, which loads until the block ends."""
        stop = threading.Event()
        with closing(Store(self.url)) as store:
            loader = Loader(self.settings, self.journal, store, stop, erased=self.erased, moments=moments)
            thread = threading.Thread(target=loader.run)
            thread.start()
            try:
                yield loader
            finally:
                stop.set()
                thread.join(LOAD_S_MAX)
        assert not thread.is_alive(), "the loader does not stop"

    def stop_store(self) -> None:
        assert self._running is not None, "the store is shared with others"
        self._running.stop()

    def start_store(self) -> None:
        assert self._running is not None, "the store is shared with others"
        self._running.start()

    def next_segment(self) -> None:
        """What is appended from now on stands in another segment."""
        self._writer.seal()

    def forget_journal(self) -> None:
        """Remove all segments that are loaded, however young."""
        self.next_segment()
        self.append_payloads([encode_entries([])])
        self.load()
        self.journal.remove_loaded(self.head.loaded, 0)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(Store(self.url)) as store:
            return store.query(sql)

    def stored(self) -> list[tuple[Any, ...]]:
        return self.ask(
            "SELECT project_id, toUnixTimestamp64Micro(received), endpoint, toUnixTimestamp64Milli(time), event,"
            " distinct_id, insert_id, device_id, user_id, properties FROM events FINAL"
            " ORDER BY project_id, received, insert_id"
        )

    def expected_stored(self) -> list[tuple[Any, ...]]:
        return sorted(map(row_of, expected_of(self.payloads).stored))

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
        assert sorted(self.stored()) == sorted(map(row_of, expected.stored))
        assert self.counts() == expected.counts
        entries = [entry for payload in self.payloads for entry in decode_entries(payload)]
        assert self.rejected() == [
            (entry.project_id, entry.received_us, each.index, entry.endpoint, *each_rejected(each))
            for entry in sorted(entries, key=lambda entry: entry.received_us)
            for each in entry.rejections
        ]

    def check_positions(self) -> None:
        """Each event stands at the position of a record that brought it."""
        brought: set[tuple[int, int, str]] = set()
        with closing(self.journal.source(0)) as source:
            while records := source.read(SEGMENT_BYTES):
                for position, entry, _ in read_entries(records):
                    brought |= {(position, each.received_us, each.insert_id) for each in entry_events(entry)}
        found = self.ask("SELECT position, toUnixTimestamp64Micro(received), insert_id FROM events")
        assert found and set(found) <= brought

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
