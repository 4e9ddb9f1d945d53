"""A project as commands print it: for people, or as JSON."""

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from trackway.commands.options import print_table
from trackway.domain.data_age import shown_retention
from trackway.projects.project import RETENTIONS

if TYPE_CHECKING:
    from trackway.projects.project import Project


def fields_of(one: "Project") -> dict[str, object]:
    """The fields of the JSON form, which programs rely on."""
    return {
        "project_id": one.project_id,
        "name": one.name,
        "token": one.token,
        "secret": one.secret,
        "region": one.region,
        "identity_mode": one.identity_mode,
        "time_zone": one.time_zone,
        "week_start": one.week_start,
    }


def texts_of(one: "Project") -> tuple[str, ...]:
    return tuple(str(value) for value in fields_of(one).values())


def print_project(one: "Project", as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(fields_of(one), indent=2))
    else:
        print_table(("Project", str(one.project_id)), list(zip(fields_of(one), texts_of(one), strict=True))[1:])


def show_project(one: "Project", as_json: bool) -> None:
    """Everything about a project; old keys that have ended are left out."""
    now_ms = time.time_ns() // 1_000_000
    old = [(each.kind, each.key, utc(each.until_ms)) for each in one.old_keys if each.until_ms > now_ms]
    if as_json:
        old_keys = [dict(zip(("kind", "key", "until"), each, strict=True)) for each in old]
        more = {"created": utc(one.created_at_ms), "settings": dict(one.settings), **_kept(one), "old_keys": old_keys}
        click.echo(json.dumps(fields_of(one) | _described(one) | more, indent=2))
        return
    rows = [*zip(fields_of(one), texts_of(one), strict=True), ("created", utc(one.created_at_ms))]
    rows += [(name, value) for name, value in _described(one).items()]
    rows += [(name, str(value)) for name, value in one.settings.items()]
    rows += [(each, str(value)) for each, value in _kept(one).items() if value is not None]
    rows += [(f"old {kind}", f"{key} until {until}") for kind, key, until in old]
    print_table(("Project", str(one.project_id)), rows[1:])


def _kept(one: "Project") -> dict[str, int | str | None]:
    """How long data is kept, None for what the server says."""
    return {each: shown_retention(getattr(one, each)) for each in RETENTIONS}


def _described(one: "Project") -> dict[str, str]:
    """The description, and when it was archived, where there is one."""
    archived = {"archived": utc(one.archived_at_ms)} if one.archived_at_ms is not None else {}
    return ({"description": one.description} if one.description else {}) | archived


def utc(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="seconds")
