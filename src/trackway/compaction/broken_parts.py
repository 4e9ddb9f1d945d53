"""Parts of facts that are damaged while the store runs: found, and noted as damage. Nothing of them is lost.

The engine notices a damaged part when it opens a table, and when a query needs what is damaged. Between these the
compactor compares the sizes of a part's files with those at first sight, and lets the engine read a part whose sizes
have changed. Where the files are on another machine, it only reads what a query could not read.
"""

import time
from collections.abc import Iterable
from typing import Final

from trackway.compaction.statements import partition_id
from trackway.compaction.versions import Version
from trackway.query.sql.segments import TABLES
from trackway.store.client import Store
from trackway.store.damage_table import SETTLED, Damage, show_damage, write_damage
from trackway.store.parts import Part, fault_of, parts, sizes_of
from trackway.telemetry import logs

_log: Final = logs.get("compactor")


class BrokenParts:
    """The parts of facts of one store. Every method raises StorageError."""

    def __init__(self, store: Store):
        self._store = store
        self._sizes: dict[tuple[str, str, int], dict[str, int]] = {}

    def found_by_size(self, version: Version) -> bool:
        """Whether a part of a version is not whole, of those whose files have other sizes than at first sight."""
        return self._is_any_broken(part for part in self._of(version) if self._has_changed(part))

    def found(self, version: Version) -> bool:
        """Whether any part of a version is not whole. Reads all of them."""
        return self._is_any_broken(self._of(version))

    def _of(self, version: Version) -> list[Part]:
        named = tuple(f"{partition_id(version.project_id, segment.number)}_" for segment in version.segments)
        prefix = partition_id(version.project_id, 0)[:-1]
        active = [part for part in parts(self._store, TABLES).active if part.name.startswith(prefix)]
        there = {_key(part) for part in active}
        self._sizes = {
            key: sizes for key, sizes in self._sizes.items() if key in there or not key[1].startswith(prefix)
        }
        return [part for part in active if part.name.startswith(named)]

    def _has_changed(self, part: Part) -> bool:
        sizes = sizes_of(part) or {}  # nothing where it is gone, or on another machine
        before = self._sizes.get(_key(part))
        self._sizes[_key(part)] = sizes
        return before is not None and before != sizes

    def _is_any_broken(self, some: Iterable[Part]) -> bool:
        broken = [(part, fault) for part in some if (fault := fault_of(self._store, part.table, part.name))]
        for part, fault in broken:
            what = {"table": part.table, "part": part.name, "rows": part.rows, "fault": fault}
            _log.critical("a part of the facts is damaged, all facts of the project are built anew", **what)
            now_ms = time.time_ns() // 1_000_000
            write_damage(self._store, Damage(part.table, part.name, SETTLED, now_ms, fault, part.rows, 0))
        if broken:
            show_damage(self._store)
        return bool(broken)


def _key(part: Part) -> tuple[str, str, int]:
    return part.table, part.name, part.modified_s
