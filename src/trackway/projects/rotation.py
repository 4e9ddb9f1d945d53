"""A project's keys change: a new one, and how long those before it go on being valid.

A transaction that has raised the revision arrives; its rows leave changed. Each old key is a row with its end, which
whoever looks a key up compares with its own clock: so a key ends in time with nobody there to end it. Rows that ended
go with the next rotation.
"""

import secrets
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select, update

from trackway.errors import ConfigError
from trackway.limits import KEY_OVERLAP_S_MAX, OLD_KEYS_MAX
from trackway.projects.project import KEY_HEX_DIGITS, KeyKind, Project
from trackway.projects.tables import old_keys, projects

_UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def new_key() -> str:
    """A token or a secret: 128 random bits, in hexadecimal."""
    return secrets.token_hex(KEY_HEX_DIGITS // 2)


def read_overlap_s(text: str) -> int:
    """Seconds of `90s`, `30m`, `24h`, `7d` or `0`. ConfigError for anything else, or more than KEY_OVERLAP_S_MAX."""
    number, unit = (text, "s") if text == "0" else (text[:-1], text[-1:])
    if unit not in _UNITS_S or not (number.isascii() and number.isdigit() and len(number) <= 9):
        raise ConfigError(f"overlap must be a time such as 90s, 30m, 24h or 7d, or 0, not {text!r}")
    overlap_s = int(number) * _UNITS_S[unit]
    if overlap_s > KEY_OVERLAP_S_MAX:
        raise ConfigError(f"overlap must be at most {KEY_OVERLAP_S_MAX // _UNITS_S['d']}d, not {text!r}")
    return overlap_s


def replace_key(connection: Connection, project: Project, kind: KeyKind, overlap_s: int, now_ms: int) -> None:
    """Gives the project a new key of this kind. The one before, and those before that, are valid for `overlap_s` more
    at most. ConfigError when too many of them still are. now_ms: Unix time."""
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
        raise ConfigError(
            f"project {project.name!r} has {OLD_KEYS_MAX} old {kind}s that are still valid: "
            "wait for one to end, or end all of them with --overlap 0"
        )
    key = project.token if kind == "token" else project.secret
    row = {"key": key, "project_id": project.project_id, "kind": kind, "until_ms": until_ms}
    connection.execute(insert(old_keys).values(row))
