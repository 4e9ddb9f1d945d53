"""All rows of the projects database as lines of JSON, for backups, and back.

The lines are the same for SQLite and PostgreSQL, so a backup of one can be restored to the other. The first says of
which migration the tables are, and which ids come next: an id is never used twice, even if its row was deleted. Then
there is a line for each row, in an order in which rows come after those that they refer to.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import orjson
from sqlalchemy import Connection, MetaData, Table, func, insert, inspect, select, text

from trackway.domain.errors import StateError
from trackway.projects.database import ProjectsDatabase
from trackway.projects.read_statements import MIGRATION_NEWEST
from trackway.projects.tables import metadata

_ROWS_AT_ONCE: Final = 500
_REVISION: Final = text("SELECT version_num FROM alembic_version")


def all_rows(at: Path | str) -> Iterator[bytes]:
    """The lines of a database of this version, of one moment. Raises StorageError."""
    with ProjectsDatabase(at).reading() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        revision = str(connection.execute(_REVISION).scalar_one())
        yield _line({"revision": revision, "next": _last_ids(connection)})
        for table in metadata.sorted_tables:
            for row in connection.execute(select(table)).mappings():
                yield _line({"table": str(table.name), "row": {str(name): value for name, value in row.items()}})


def revision_of(head: bytes) -> str:
    """The migration that the first line names. Raises StateError for one of a newer version."""
    revision = str(orjson.loads(head)["revision"])
    if revision > MIGRATION_NEWEST:
        raise StateError(f"the projects have migration {revision} of a newer version of trackway: restore with that")
    return revision


def check_empty(at: Path | str) -> None:
    """Raise StateError where the database has tables already, StorageError where it cannot be read."""
    if isinstance(at, Path) and not at.exists():
        return
    with ProjectsDatabase(at).reading() as connection:
        if inspect(connection).has_table("alembic_version"):
            raise StateError("the projects database is not empty: name an empty one with --projects-url")


def restore_rows(at: Path | str, lines: Iterable[bytes], *, again: bool = False) -> None:
    """Make the tables of the lines' migration in an empty database, and insert the rows, in one transaction.

    A later version migrates them at its start. `again`: drop the tables first that an earlier attempt has made. Raises
    StateError and StorageError; the database is unchanged then.
    """
    given = iter(lines)
    head = orjson.loads(first := next(given, b"{}"))
    with ProjectsDatabase(at).filling(revision_of(first), again=again) as connection:
        known = MetaData()
        known.reflect(connection)
        for table in reversed(known.sorted_tables):
            if table.name != "alembic_version":
                connection.execute(table.delete())  # what a migration inserts by itself
        _insert(connection, known, map(orjson.loads, given))
        _continue_ids(connection, known, head["next"])


def _insert(connection: Connection, known: MetaData, rows: Iterator[dict[str, Any]]) -> None:
    waiting: list[dict[str, Any]] = []
    table = ""
    for each in rows:
        if each["table"] != table or len(waiting) == _ROWS_AT_ONCE:
            _flush(connection, known, table, waiting)
            table, waiting = each["table"], []
        waiting.append(each["row"])
    _flush(connection, known, table, waiting)


def _flush(connection: Connection, known: MetaData, table: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(known.tables[table]), rows)


def _last_ids(connection: Connection) -> dict[str, int]:
    """By table, the last id that was given."""
    if connection.dialect.name == "sqlite":
        return {
            str(name): int(last) for name, last in connection.execute(text("SELECT name, seq FROM sqlite_sequence"))
        }
    found = {}
    for table in metadata.sorted_tables:
        if (sequence := _sequence(connection, table)) is not None:
            last, is_called = connection.execute(text(f"SELECT last_value, is_called FROM {sequence}")).one()  # noqa: S608
            found[str(table.name)] = int(last) if is_called else 0
    return found


def _continue_ids(connection: Connection, known: MetaData, last_ids: dict[str, int]) -> None:
    """Let the next id of each table follow the last one that was given."""
    for name, last in last_ids.items():
        if connection.dialect.name == "sqlite":
            changed = connection.execute(
                text("UPDATE sqlite_sequence SET seq = :last WHERE name = :name"), {"last": last, "name": name}
            )
            if not changed.rowcount:
                connection.execute(
                    text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"), {"last": last, "name": name}
                )
        elif last and (sequence := _sequence(connection, known.tables[name])) is not None:
            connection.execute(select(func.setval(sequence, last)))


def _sequence(connection: Connection, table: Table) -> str | None:
    """The sequence of a table's ids in PostgreSQL; its name is quoted where it must be."""
    [key, *others] = table.primary_key.columns
    if others:
        return None
    found = connection.execute(select(func.pg_get_serial_sequence(table.name, key.name))).scalar_one()
    return None if found is None else str(found)


def _line(document: dict[str, Any]) -> bytes:
    return orjson.dumps(document) + b"\n"
