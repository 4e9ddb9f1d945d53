"""Parts of a real store, damaged on purpose in the ways that a full or failing disk damages them."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from tests.support.store.tables import merge_all
from trackway.store.client import Store
from trackway.store.parts import Part, fault_of, parts

Damaging = Callable[[Path], None]
_MARKS = (".mrk", ".cmrk")


def empty_marks(part: Path) -> None:
    """What ClickHouse left of a part, when the disk was full, and answered "done"."""
    for file in part.iterdir():
        if any(mark in file.name for mark in _MARKS):
            os.truncate(file, 0)


def truncated_data(part: Path) -> None:
    for file in part.glob("*.bin"):
        os.truncate(file, file.stat().st_size // 2)


def missing_column(part: Path) -> None:
    next(part.glob("*.bin")).unlink()


WAYS: tuple[Damaging, ...] = (empty_marks, truncated_data, missing_column)


def active(url: str, table: str) -> list[Part]:
    """The parts of a table, the largest first."""
    with closing(Store(url)) as store:
        found = [part for part in parts(store, (table,)).active if part.rows]
    return sorted(found, key=lambda part: part.rows, reverse=True)


def path_of(url: str, part: Part) -> Path:
    sql = "SELECT path FROM system.parts WHERE table = {table:String} AND name = {part:String} AND active"
    with closing(Store(url)) as store:
        ((path,),) = store.query(sql, {"table": part.table, "part": part.name})
    return Path(path)


def merge(url: str, table: str) -> list[Path]:
    """All parts of a table into one; where the sources are that stay on the disk for some minutes."""
    with closing(Store(url)) as store:
        merge_all(store, table)
        sql = "SELECT path FROM system.parts WHERE table = {table:String} AND NOT active"
        return [Path(path) for (path,) in store.query(sql, {"table": table})]


def unsound(url: str, tables: Iterable[str]) -> list[str]:
    """What is wrong with the active parts of tables."""
    with closing(Store(url)) as store:
        return [
            fault for part in parts(store, list(tables)).active if (fault := fault_of(store, part.table, part.name))
        ]


class SpoilingStore(Store):
    """Answers the first inserts into a table as done, and leaves a damaged part behind."""

    def __init__(self, url: str, table: str, damage: Damaging, times: int = 1):
        super().__init__(url)
        self.spoilt = 0
        self._table = table
        self._damage = damage
        self._times = times

    def insert_rows(
        self,
        table: str,
        columns: Sequence[str],
        rows: bytes | Iterable[bytes],
        format: str = "RowBinary",
        settings: Mapping[str, str] | None = None,
    ) -> int:
        before = set(self._paths(table))
        written = super().insert_rows(table, columns, rows, format, settings)
        if table == self._table and self.spoilt < self._times:
            new = [path for path in self._paths(table) if path not in before]
            for path in new:
                self._damage(Path(path))
            self.spoilt += bool(new)
        return written

    def _paths(self, table: str) -> list[str]:
        sql = (
            "SELECT path FROM system.parts WHERE table = {table:String} AND active AND rows > 0"
            " AND min_block_number = max_block_number"  # what a merge wrote meanwhile is no insert's
        )
        return [path for (path,) in self.query(sql, {"table": table})]
