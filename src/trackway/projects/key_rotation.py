"""Rotation of a project's keys: a new key, and the overlap in which older keys stay valid.

It works in a transaction that has raised the revision. Each old key is a row with its end. A process that looks up a
key (`projects/project_lookup.py`) compares the end with its own clock, so no process has to end a key. The next
rotation deletes the rows of ended keys.
"""

import secrets
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select, update

from trackway.domain.errors import InvalidInput, StateError
from trackway.projects.limits import KEY_OVERLAP_S_MAX, OLD_KEYS_MAX
from trackway.projects.project import KEY_HEX_DIGITS, KeyKind, Project
from trackway.projects.tables.projects import old_keys, projects

_UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def new_key() -> str:
    """A token or a secret: 128 random bits, in hexadecimal."""
    return secrets.token_hex(KEY_HEX_DIGITS // 2)


def read_overlap_s(text: str) -> int:
    """Seconds of `90s`, `30m`, `24h`, `7d` or `0`. Raises InvalidInput for other texts, or over KEY_OVERLAP_S_MAX."""
    number, unit = (text, "s") if text == "0" else (text[:-1], text[-1:])
    if unit not in _UNITS_S or not (number.isascii() and number.isdigit() and len(number) <= 9):
        raise InvalidInput(f"overlap must be a time such as 90s, 30m, 24h or 7d, or 0, not {text!r}")
    overlap_s = int(number) * _UNITS_S[unit]
    if overlap_s > KEY_OVERLAP_S_MAX:
        raise InvalidInput(f"overlap must be at most {KEY_OVERLAP_S_MAX // _UNITS_S['d']}d, not {text!r}")
    return overlap_s


def replace_key(connection: Connection, project: Project, kind: KeyKind, overlap_s: int, now_ms: int) -> None:
    """Give the project a new key of this kind. Older keys stay valid for at most `overlap_s`. Raises InvalidInput when
    too many of them are still valid. now_ms: Unix time."""
    until_ms = now_ms + overlap_s * 1000
    _end_old_keys(connection, project.project_id, kind, now_ms, until_ms)
    if overlap_s:
        _keep(connection, project, kind, until_ms)
    change = update(projects).where(projects.c.project_id == project.project_id)
    connection.execute(change.values({kind: new_key()}))


def _end_old_keys(connection: Connection, project_id: int, kind: KeyKind, now_ms: int, until_ms: int) -> None:
    mine = (old_keys.c.project_id == project_id) & (old_keys.c.kind == kind)
    connection.execute(update(old_keys).where(mine & (old_keys.c.until_ms > until_ms)).values(until_ms=until_ms))
    connection.execute(delete(old_keys).where(mine & (old_keys.c.until_ms <= now_ms)))


def _keep(connection: Connection, project: Project, kind: KeyKind, until_ms: int) -> None:
    mine = (old_keys.c.project_id == project.project_id) & (old_keys.c.kind == kind)
    kept = connection.execute(select(func.count()).select_from(old_keys).where(mine)).scalar_one()
    if kept >= OLD_KEYS_MAX:
        raise StateError(
            f"project {project.name!r} has {OLD_KEYS_MAX} old {kind}s that are still valid: "
            "wait for one to end, or end all of them with --overlap 0"
        )
    key = project.token if kind == "token" else project.secret
    row = {"key": key, "project_id": project.project_id, "kind": kind, "until_ms": until_ms}
    connection.execute(insert(old_keys).values(row))
