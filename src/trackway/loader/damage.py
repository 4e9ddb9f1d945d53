"""Damage: unreadable parts of the store and ranges of the journal. A table keeps them over a restart
(`store.damage_table`).

A part that is not whole is detached from its table. If it was the result of a merge whose sources are still on the
disk, the engine attaches the sources again and no row is missing. Other rows are loaded again from the journal
(`loader.reload`). Rows that the journal no longer holds are lost, and reported as lost. Parts of tables that are made
anew from others are noted only.
"""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from trackway.journal.log import Damage as JournalDamage
from trackway.loader.part_verification import CONTENT, DERIVED, Unsound
from trackway.store.client import Store
from trackway.store.damage_table import FOUND, SETTLED, UNKNOWN, Damage, all_damage, show_damage, write_damage
from trackway.store.parts import Broken, Found, detach, fault_of, parts, reopen, rows_in_place_of, rows_of
from trackway.telemetry import logs, metrics

JOURNAL = "journal"
"""The `place` of damage in the journal."""


def take_out(store: Store, unsound: Iterable[Unsound]) -> None:
    """Detach these parts from their tables. Raises StorageError."""
    found = list(unsound)
    for table in {each.part.table for each in found}:
        reopen(store, table)
    for part, _ in found:
        # The engine may have detached the part itself when it opened the table.
        if fault := fault_of(store, part.table, part.name):
            _note(store, _found(part.table, part.name, fault, part.rows))
            detach(store, part.table, part.name)


def find(store: Store) -> tuple[Found, list[Damage]]:
    """The present parts of the store, and all damage. Broken parts that are new are noted as damage.

    Raises StorageError.
    """
    found = parts(store, CONTENT)
    known = all_damage(store)
    names = {(each.place, each.name) for each in known}
    new = [_new_damage(store, each) for each in found.broken if (each.table, each.name) not in names]
    metrics.damage(Counter(each.place for each in [*known, *new]))
    return found, [*known, *new]


def _new_damage(store: Store, broken: Broken) -> Damage:
    rows = rows_of(broken)
    if broken.table in DERIVED:
        return _derived_damage(store, broken, UNKNOWN if rows is None else rows)
    missing = UNKNOWN if rows is None else max(rows - rows_in_place_of(store, broken), 0)
    fault = "the store could not read it and has taken it out"
    damage = _found(broken.table, broken.name, fault, UNKNOWN if rows is None else rows, missing)
    _note(store, damage)
    return damage


def _derived_damage(store: Store, broken: Broken, rows: int) -> Damage:
    """Nothing of it is lost, and the loader has nothing to do: others make the rows anew."""
    fault = "the store could not read it and has taken it out"
    damage = _found(broken.table, broken.name, fault, rows, 0)._replace(state=SETTLED)
    _note(store, damage)
    return damage


def settle(store: Store, damages: Sequence[Damage], came_back: Mapping[str, int]) -> None:
    """Note that the rows of these are loaded again, as far as the journal has them. Raises StorageError.

    `came_back` are, by table, the missing rows that are back. For other tables their number is unknown.
    """
    left = Counter(came_back)
    for damage in damages:
        lost = damage.lost
        if lost > 0:
            lost = max(lost - left[damage.place], 0) if damage.place in came_back else UNKNOWN
            left[damage.place] -= damage.lost - lost
        write_damage(store, damage._replace(state=SETTLED, lost=lost))
        log = _log.warning if lost == 0 else _log.critical
        what = {"table": damage.place, "part": damage.name, "rows": _shown(damage.rows), "lost": _shown(lost)}
        log("loaded a damaged part again from the journal", **what)


def note_journal(store: Store, damage: JournalDamage, partition: int = 0) -> None:
    """Note acknowledged records of a partition that cannot be read and were not loaded. Raises StorageError."""
    _log.critical("journal is damaged: acknowledged records are lost", **damage._asdict())
    fault = f"{damage.bytes} bytes: {damage.reason}"
    name = f"{partition}:{damage.position}" if partition else str(damage.position)
    write_damage(store, _found(JOURNAL, name, fault, damage.records)._replace(state=SETTLED))
    show_damage(store)


def _found(place: str, name: str, fault: str, rows: int, missing: int | None = None) -> Damage:
    return Damage(place, name, FOUND, time.time_ns() // 1_000_000, fault, rows, rows if missing is None else missing)


def _note(store: Store, damage: Damage) -> None:
    what = {"table": damage.place, "part": damage.name, "rows": _shown(damage.rows), "fault": damage.fault}
    _log.critical("a part of the store is damaged", **what)
    write_damage(store, damage)


def _shown(rows: int) -> int | str:
    return "unknown" if rows == UNKNOWN else rows


_log = logs.get("loader")
