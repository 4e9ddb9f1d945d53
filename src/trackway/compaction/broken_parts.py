"""Parts of facts that are damaged while the store runs: found, and noted as damage. Nothing of them is lost.

The engine notices a damaged part when it opens a table, and when a query needs what is damaged. Between these it reads
the parts of a project whose files have changed (`compaction.untidy`), and those that a query could not read.
"""

import time
from collections.abc import Iterable
from typing import Final

from trackway.compaction.statements import partition_id
from trackway.compaction.versions import Version
from trackway.query.sql.segments import TABLES
from trackway.store.client import Store
from trackway.store.damage_table import SETTLED, Damage, show_damage, write_damage
from trackway.store.parts import Part, fault_of, parts
from trackway.telemetry import logs

_log: Final = logs.get("compactor")


class BrokenParts:
    """The parts of facts of one store. Every method raises StorageError."""

    def __init__(self, store: Store):
        self._store = store

    def found(self, version: Version) -> bool:
        """Whether any part of a version is not whole. Reads all of them."""
        return self._is_any_broken(self._of(version))

    def _of(self, version: Version) -> list[Part]:
        named = tuple(f"{partition_id(version.project_id, number)}_" for number in version.numbers)
        return [part for part in parts(self._store, TABLES).active if part.name.startswith(named)]

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
