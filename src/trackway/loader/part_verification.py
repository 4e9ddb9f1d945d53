"""Verification of parts: which parts of the store have been read whole since they were written.

The answer to an INSERT proves nothing (`store.parts`). So the loader calls `check_inserted` before its cursor moves,
and before it inserts rows that it has decided from the store's content. If a part that this process inserted is not
whole, it is dropped, and the load fails and is repeated. The journal is not trimmed before the next check has read the
cursor's own part. An older part that is not whole is damage, and is in `unsound` until `loader.damage` handles it. The
thread of `loader.sweep` verifies the parts that merges write, and one of `loader.cursor` verifies inserts beside the
loader. All threads share one `PartVerification`.
"""

import threading
from collections.abc import Callable, Iterable
from typing import NamedTuple

from trackway.domain.errors import StorageError
from trackway.store.client import Store
from trackway.store.parts import Broken, Part, drop, fault_of, parts, sizes_of
from trackway.telemetry import logs

CONTENT = ("identity_links", "identity_refusals", "profiles", "events", "event_keys", "rejected_records", "loads")
"""The tables that the loader fills, in its order."""

Guard = Callable[[], None]
"""Called between a read of the store and the insert of rows that depend on it. Raises StorageError when parts that were
read are not whole or were detached."""

WATCHED = (
    *CONTENT,
    "replays",
    "lookup_rows",
    "lookup_table_versions",
    "erasures",
    "erasure_ids",
    "event_ages",
    "aged_rows",
)
"""All tables of the store whose content cannot be derived again."""
DERIVED = (
    "facts",
    "facts_counts",
    "facts_sums",
    "facts_hours",
    "facts_persons",
    "facts_versions",
    "facts_rebuilds",
    "profile_pages",
)
"""Tables whose content is made anew where it is missing: by the compactor, or for the next query."""

_log = logs.get("loader")

_Key = tuple[str, str, int]


class Unsound(NamedTuple):
    """A part that is not whole, and its fault."""

    part: Part
    fault: str


class PartVerification:
    """The state of the parts of one store. The loader's threads and the sweep's may share it."""

    def __init__(self) -> None:
        self.unsound: list[Unsound] = []
        self._sound: set[_Key] = set()
        self._doubted: set[_Key] = set()
        self._sizes: dict[_Key, dict[str, int]] = {}
        self._kept: set[_Key] = set()
        self._known_broken: set[tuple[str, str]] | None = None
        self._more_broken = False
        self._has_dropped = False
        """Whether the present load has lost rows. A thread may drop a part after another has read its rows."""
        self._lock = threading.Lock()

    def begin(self, active: Iterable[Part], broken: Iterable[Broken]) -> None:
        """Begin with these active parts, and these known broken parts."""
        known = {(each.table, each.name) for each in broken}
        self._more_broken = False
        if known == self._known_broken:
            return
        with self._lock:
            self._known_broken = known
            self._kept = {_key(part) for part in active}  # parts of other processes, or of batches that count
            self._sizes.clear()
            self._sound.clear()  # the engine may use the name of a detached part again

    def drop_unfinished(self, store: Store) -> None:
        """After a failed batch, drop the parts of this process that are not whole. All its batches are loaded again.
        Raises StorageError."""
        if self.has_begun:
            self._drop_unsound(store, parts(store, CONTENT).active)
        self._has_dropped = False

    def check_inserted(self, store: Store) -> None:
        """Read all unread parts of inserts. Raises StorageError when one of them is not whole, when another thread has
        found that, or when the engine has meanwhile detached parts that it cannot read."""
        found = parts(store, CONTENT)
        self._require_known(found.broken)
        if fault := self._drop_unsound(store, found.active):
            raise StorageError(f"store: a part is not whole: {fault}")
        if self._has_dropped:  # asked last: a part that was dropped meanwhile looks merged
            raise StorageError("store: a part was not whole")

    def _drop_unsound(self, store: Store, active: Iterable[Part]) -> str:
        """Read the parts of inserts, and drop those that are not whole. Returns the first fault, or ''. The sweep reads
        the parts of merges: a merge has read every part that it merged."""
        faults = ""
        for part in self._unread(part for part in active if _is_inserted(part)):
            if fault := self.check(store, part):
                faults = faults or f"{part.name} of {part.table}: {fault}"
                if self._may_be_counted(part):
                    self.report(part, fault)
                else:
                    self._has_dropped = True
                    _log.error("an insert left a part that is not whole", table=part.table, part=part.name, fault=fault)
                    drop(store, part.table, part.name)
        return faults

    def _may_be_counted(self, part: Part) -> bool:
        """Whether the part, or one that the engine has rewritten as this part, is known to hold loaded records."""
        with self._lock:
            return _place(_key(part)) in map(_place, self._kept)

    @property
    def has_begun(self) -> bool:
        return self._known_broken is not None

    @property
    def is_damaged(self) -> bool:
        """Whether a part is not whole, or was detached, and is not handled yet."""
        return bool(self.unsound) or self._more_broken

    def _require_known(self, broken: Iterable[Broken]) -> None:
        if not {(each.table, each.name) for each in broken} <= (self._known_broken or set()):
            self._more_broken = True
            raise StorageError("store: parts were taken out because they cannot be read")

    def unread(self, active: Iterable[Part], since_s: float = 0.0) -> list[Part]:
        """The parts that have not been read whole and were written since then, or have changed since they were read.
        Parts that the loader itself reads before the journal is trimmed are left out, changed or not: it drops those
        that are not whole, and inserts their rows again."""
        unread = self._unread(part for part in active if part.modified_s >= since_s or _key(part) in self._doubted)
        with self._lock:
            return [
                part
                for part in unread
                if _key(part) in self._kept or part.table not in CONTENT or not _is_inserted(part)
            ]

    def _unread(self, active: Iterable[Part]) -> list[Part]:
        with self._lock:
            return [part for part in active if _key(part) not in self._sound]

    def check(self, store: Store, part: Part) -> str:
        """Read a part. Returns its fault, '' when it is whole. Raises StorageError."""
        sizes = sizes_of(part)
        fault = fault_of(store, part.table, part.name)
        with self._lock:
            self._doubted.discard(_key(part))
            if not fault:
                self._sound.add(_key(part))
                self._kept.add(_key(part))
                self._sizes[_key(part)] = sizes or {}
        return fault

    def compare_sizes(self, active: Iterable[Part]) -> None:
        """Doubt the parts whose files have other sizes than when they were verified, or first seen."""
        for part in active:
            if not (sizes := sizes_of(part)):
                continue
            with self._lock:
                if self._sizes.setdefault(_key(part), sizes) != sizes:
                    self._doubted.add(_key(part))
                    self._sound.discard(_key(part))

    def list_active(self, store: Store) -> list[Part]:
        """All active parts of the watched tables. The state of other parts is dropped. Raises StorageError, also when
        the engine has detached parts that it cannot read."""
        with self._lock:  # before the list, since the loader inserts meanwhile
            gone = self._kept | self._sizes.keys()
        active, broken = parts(store, WATCHED)
        self._require_known(broken)
        gone -= {_key(part) for part in active}
        with self._lock:
            rewritten = {_place(key) for key in self._kept & gone}
            self._sound -= gone
            self._doubted -= gone
            self._kept -= gone
            self._kept |= {_key(part) for part in active if _place(_key(part)) in rewritten}
            self._sizes = {key: sizes for key, sizes in self._sizes.items() if key not in gone}
        return active

    def report(self, part: Part, fault: str) -> None:
        """Note that a part which may hold loaded records is not whole."""
        with self._lock:
            if part not in [each.part for each in self.unsound]:
                self.unsound.append(Unsound(part, fault))

    def take_unsound(self) -> list[Unsound]:
        with self._lock:
            taken, self.unsound = self.unsound, []
            return taken


def _is_inserted(part: Part) -> bool:
    """Whether the part holds the rows of one insert, not of several that were merged. The engine may have rewritten it
    since (a mutation, a new TTL, OPTIMIZE FINAL): then its `_place` is that of its source."""
    return part.first_block == part.last_block


def _place(key: _Key) -> tuple[str, ...]:
    """The table, partition, first and last block of a part. Level and mutation, which a rewrite changes, follow."""
    return (key[0], *key[1].split("_")[:3])


def _key(part: Part) -> _Key:
    return part.table, part.name, part.modified_s
