"""The audit as rows of the projects database. The transaction of a change writes them. Readers read page by page."""

import time
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update

from trackway.projects.audit import REFUSALS, SESSIONS, Author, Entry, Note
from trackway.projects.limits import (
    AUDIT_REFUSALS_JOINED_S,
    AUDIT_REFUSALS_MAX,
    AUDIT_ROWS_MAX,
    AUDIT_SUBJECT_CHARACTERS_MAX,
)
from trackway.projects.tables.server import audit

Refused = Mapping[tuple[Author, Note], int]
"""How often each action of each author was refused."""

_COLUMNS: Final = [
    audit.c.entry_id,
    audit.c.time_ms,
    audit.c.last_ms,
    audit.c.count,
    audit.c.name,
    audit.c.address,
    audit.c.action,
    audit.c.project_id,
    audit.c.subject,
]


def write(connection: Connection, author: Author, notes: Iterable[Note]) -> None:
    """Write the notes. Beyond AUDIT_ROWS_MAX rows the oldest are deleted."""
    now_ms = time.time_ns() // 1_000_000
    rows = [_row(author, note, now_ms, 1) for note in notes]
    if rows:
        connection.execute(insert(audit), rows)
        newest = connection.execute(select(func.max(audit.c.entry_id))).scalar_one()
        connection.execute(delete(audit).where(audit.c.entry_id <= newest - AUDIT_ROWS_MAX))


def count(connection: Connection, refused: Refused) -> None:
    """Add to the row of the same name and address that is younger than AUDIT_REFUSALS_JOINED_S, or insert one. Refusals
    have a bound of their own, so that a flood of them displaces no other entry."""
    now_ms = time.time_ns() // 1_000_000
    for (author, note), number in refused.items():
        row = _row(author, note, now_ms, number)
        same = [audit.c[name] == row[name] for name in ("name", "address", "action", "subject")]
        young = audit.c.time_ms > now_ms - AUDIT_REFUSALS_JOINED_S * 1000
        joined = update(audit).where(*same, young).values(count=audit.c.count + number, last_ms=now_ms)
        if not connection.execute(joined).rowcount:
            connection.execute(insert(audit), [row])
    refusals = audit.c.action.in_(REFUSALS)
    kept = select(audit.c.entry_id).where(refusals).order_by(audit.c.entry_id.desc())
    first_beyond = connection.execute(kept.offset(AUDIT_REFUSALS_MAX).limit(1)).scalar_one_or_none()
    if first_beyond is not None:
        connection.execute(delete(audit).where(refusals, audit.c.entry_id <= first_beyond))


def forget(connection: Connection, before_ms: int) -> None:
    """Delete all entries that last happened before that moment."""
    connection.execute(delete(audit).where(audit.c.last_ms < before_ms))


def read(
    connection: Connection, rows_max: int, before_id: int | None, project_id: int | None, members: Collection[str]
) -> list[Entry]:
    """The newest entries, or those before one. For a project: its own, and the sessions of these members."""
    chosen = select(*_COLUMNS).order_by(audit.c.entry_id.desc()).limit(rows_max)
    if before_id is not None:
        chosen = chosen.where(audit.c.entry_id < before_id)
    if project_id is not None:
        theirs = and_(audit.c.project_id.is_(None), audit.c.action.in_(SESSIONS), audit.c.name.in_(list(members)))
        chosen = chosen.where(or_(audit.c.project_id == project_id, theirs))
    return [Entry(*row) for row in connection.execute(chosen)]


def _row(author: Author, note: Note, now_ms: int, number: int) -> dict[str, object]:
    return {
        "time_ms": now_ms,
        "last_ms": now_ms,
        "count": number,
        "name": author.name[:AUDIT_SUBJECT_CHARACTERS_MAX],
        "address": author.address,
        "action": note.action,
        "project_id": note.project_id,
        "subject": note.subject[:AUDIT_SUBJECT_CHARACTERS_MAX],
    }
