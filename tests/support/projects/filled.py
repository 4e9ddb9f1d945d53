"""A projects database with a row in every table, made from the tables themselves: a new table is filled, too."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Column, Integer, Table, insert, select

from trackway.projects.database import ProjectsDatabase
from trackway.projects.tables import metadata

_TEXTS = {"region": "us", "kind": "token", "identity_mode": "simplified", "time_zone": "UTC", "week_start": "monday"}


def fill(database: ProjectsDatabase) -> None:
    """Insert a row into each table that has none, and delete the newest project, whose id must not be used again."""
    with database._transaction(database._writing) as connection:
        for table in metadata.sorted_tables:
            if connection.execute(select(table).limit(1)).first() is None:
                connection.execute(insert(table).values(_row(table)))
    made, projects = database.create("the last", "us"), metadata.tables["projects"]
    with database._transaction(database._writing) as connection:
        connection.execute(projects.delete().where(projects.c.project_id == made.project_id))


def _row(table: Table) -> dict[str, Any]:
    return {column.name: _value(column) for column in table.columns if column.autoincrement is not True}


def _value(column: Column[Any]) -> Any:
    if isinstance(column.type, JSON):
        return {"text": "ü ' \" \0", "list": [1, 2.5, None, True], "large": 9_007_199_254_740_991}
    if isinstance(column.type, Boolean):
        return True
    if column.name == "only_id" or column.foreign_keys:
        return 1
    if isinstance(column.type, BigInteger):
        return 1 << 50
    if isinstance(column.type, Integer):
        return 1
    return _TEXTS.get(column.name, f"{column.name} ü ' \"")[: getattr(column.type, "length", None) or 100]
