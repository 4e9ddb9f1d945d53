"""The repair: at its beginning the loader takes damaged parts out of the store, and loads again what these had.

Damage that was found stays pending until the loader has loaded all records that the journal had by then. Only after
that is it known which rows came back.
"""

from collections.abc import Sequence
from operator import ge
from typing import NamedTuple

from trackway.domain.errors import StorageError
from trackway.journal.log import Damage, Mark, Progress
from trackway.loader import damage
from trackway.loader import statements as tables
from trackway.loader.cursor import Cursor
from trackway.loader.erased import Erased
from trackway.loader.inserts import Inserts
from trackway.loader.lane import Lane
from trackway.loader.part_verification import PartVerification
from trackway.loader.reload import Reload, rows_of
from trackway.store import damage_table
from trackway.store.client import Store
from trackway.store.parts import Part
from trackway.telemetry import logs

_log = logs.get("loader")


class _Begun(NamedTuple):
    """Damage whose rows are all loaded again when the loader has reached the mark `until`. `before`: rows by table at
    first."""

    pending: Sequence[damage_table.Damage]
    before: dict[str, int]
    until: Mark


class Repair:
    """The repair of one loader's store. `lost` is the damage of the journal that recovery found."""

    def __init__(
        self,
        store: Store,
        progress: Progress,
        lanes: Sequence[Lane],
        verification: PartVerification,
        cursor: Cursor,
        inserts: Inserts,
        erased: Erased,
        lost: Sequence[Damage],
    ):
        self._store = store
        self._progress = progress
        self._lanes = lanes
        self._verification = verification
        self._cursor = cursor
        self._inserts = inserts
        self._erased = erased
        self._lost = list(lost)
        self._begun: _Begun | None = None

    def begin(self) -> list[int]:
        """Repair damage of the store. Returns the cursor of each partition. Raises StorageError."""
        self._cursor.reset()
        self._verification.drop_unfinished(self._store)
        damage.take_out(self._store, self._verification.take_unsound())
        found, damages = damage.find(self._store)
        self._verification.begin(found.active, found.broken)
        self._check_loads(found.active)
        self._cursor.generation = sum(each.place == "loads" for each in damages)
        number = len(self._lanes)
        cursors = [tables.read_cursor(self._store, lane.number, number) for lane in self._lanes]
        self._load_again([each for each in damages if each.pending], cursors)
        if self._cursor.generation:  # earlier records may be loaded, and cannot be read again
            cursors = [
                max(cursor, self._reload(lane).kept_from()) for lane, cursor in zip(self._lanes, cursors, strict=True)
            ]
        while self._lost:
            if self._lost[0].position >= cursors[0]:
                damage.note_journal(self._store, self._lost[0])
            self._lost.pop(0)
        return cursors

    def settle(self) -> None:
        """Log the lost rows, after the loader has loaded all records that the journal had at the repair. Raises
        StorageError."""
        begun = self._begun
        if begun is not None and all(map(ge, self._cursor.counted, begun.until)):
            after = rows_of(self._store, self._progress, begun.before)
            came_back = {table: max(rows - begun.before[table], 0) for table, rows in after.items()}
            damage.settle(self._store, begun.pending, came_back)
            self._begun = None

    def _check_loads(self, active: Sequence[Part]) -> None:
        """Verify the parts that hold the cursor: a killed loader may not have read them."""
        for part in self._verification.unread(part for part in active if part.table == "loads"):
            if fault := self._verification.check(self._store, part):
                self._verification.report(part, fault)
        if self._verification.unsound:
            raise StorageError("store: a part is not whole")

    def _load_again(self, pending: Sequence[damage_table.Damage], cursors: Sequence[int]) -> None:
        """Load again the records before the cursors. Those after them are loaded in any case."""
        damaged = {each.place for each in pending}
        if not pending:
            self._begun = None
            return
        _log.warning("loading again what damaged tables have lost", tables=sorted(damaged))
        before = rows_of(self._store, self._progress, damaged)
        if self._begun and set(self._begun.pending) == set(pending):  # an earlier attempt has loaded some of it
            before |= self._begun.before
        self._begun = _Begun(pending, before, self._progress.ends())
        for lane, cursor in zip(self._lanes, cursors, strict=True):
            self._reload(lane).content(damaged, cursor)
            if "loads" in damaged:
                self._reload(lane).counts(cursor, self._inserts.whole, self._inserts.count)

    def _reload(self, lane: Lane) -> Reload:
        number, of = lane.number, len(self._lanes)
        return Reload(self._store, lane.partition, self._erased, self._cursor.verify, number, of)
