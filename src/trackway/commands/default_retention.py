"""`trackway retention …`: what waits before data may age, and its confirmation by somebody who has seen the numbers.

The settings are compared with what the projects database says counts. The running server is asked what a shorter
default retention deletes.
"""

import json
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import click

from trackway.commands.options import (
    JSON,
    all_projects,
    load_flags,
    open_database,
    print_table,
    printable,
    say,
    settings_options,
)
from trackway.commands.retention import PATH, typed_yes
from trackway.commands.running_server import server_of
from trackway.domain.data_age import FOREVER, in_days, is_shorter, retention_text, shown_retention
from trackway.domain.errors import StateError
from trackway.domain.region import serves
from trackway.projects.drivers import open_reader
from trackway.projects.project import EVENT_RETENTION
from trackway.projects.read_statements import RetentionState
from trackway.settings.table import Settings

_FLAGS: Final = ("data_dir", "projects_url", "region", "default_event_retention")


class _Waiting(NamedTuple):
    """What waits: a shorter default retention in days, None for none, and by how many days the clock is ahead."""

    default_days: int | None
    clock_days: int


_NOTHING: Final = _Waiting(None, 0)


@click.group()
def retention() -> None:
    """Show and confirm what the default retention deletes.

    A shorter default_event_retention, and a clock that is far ahead at the start, delete nothing before `confirm`.
    """


@retention.command("show")
@settings_options(*_FLAGS)
@JSON
def show(as_json: bool, **flags: Any) -> None:
    """Show what waits to be confirmed, and what it would delete.

    Give the settings that the server has. Each project that has no retention of its own is counted by the running
    server.
    """
    settings = load_flags(flags)
    state = _state(settings)
    waiting = _waiting(settings, state)
    deleted = _deletes(settings, waiting)
    if as_json:
        found = {
            "default_event_retention": shown_retention(settings.event_retention),
            "counts": shown_retention(_counting(settings, state)),
            "clock_days_ahead": waiting.clock_days,
            "deletes": deleted,
        }
        click.echo(json.dumps(found, indent=2))
        return
    click.echo(f"Retention of events where a project says nothing: {in_days(_counting(settings, state))}.")
    _print(waiting, deleted)


@retention.command("confirm")
@click.option("--yes", is_flag=True, help="Confirm without a question.")
@settings_options(*_FLAGS)
@JSON
def confirm(yes: bool, as_json: bool, **flags: Any) -> None:
    """Confirm the default retention of the settings, and the clock.

    Shows what is deleted, and asks. A default retention counts from the next start of the server on, the clock at once.
    """
    settings = load_flags(flags)
    waiting = _waiting(settings, _state(settings))
    if waiting != _NOTHING and not yes:
        try:
            deleted = _deletes(settings, waiting)
        except StateError as error:
            raise StateError(f"nobody can say what this deletes: {error}; or give --yes") from error
        _print(waiting, deleted, err=True)
        typed_yes()
    say(_confirmed(settings, waiting), "\n".join(_sentences(waiting)), as_json=as_json)


def _confirmed(settings: Settings, waiting: _Waiting) -> dict[str, Any]:
    """Write what was confirmed; it is returned as JSON shows it."""
    from trackway.projects.retention_states import RetentionStates  # noqa: PLC0415  # half a second of imports

    states = RetentionStates(open_database(settings), settings.region)
    if waiting.clock_days:
        states.confirm_clock(time.time_ns() // 1_000_000)
    if waiting.default_days is not None:
        states.confirm_default(waiting.default_days)
    shown = None if waiting.default_days is None else shown_retention(waiting.default_days)
    return {"default_event_retention": shown, "clock_days_ahead": waiting.clock_days}


def _sentences(waiting: _Waiting) -> list[str]:
    found = []
    if waiting.clock_days:
        found.append("The clock is confirmed: data ages by it from now on.")
    if waiting.default_days is not None:
        days = in_days(waiting.default_days).capitalize()
        found.append(f"{days} are confirmed: restart the server to let them count.")
    return found or ["Nothing waits to be confirmed."]


def _state(settings: Settings) -> RetentionState | None:
    all_projects(settings)  # which migrates the tables, or says that there are none
    with closing(open_reader(settings.projects_at, patient=True)) as reader:
        return reader.retention_state(settings.region)


def _counting(settings: Settings, state: RetentionState | None) -> int:
    """The default retention that counts at the next start, unless it is confirmed before."""
    days = state.default_days if state else FOREVER
    return days if is_shorter(settings.event_retention, days) else settings.event_retention


def _waiting(settings: Settings, state: RetentionState | None) -> _Waiting:
    from trackway.ageing.limits import CLOCK_GAP_MS_MAX  # noqa: PLC0415  # a module of the server

    wanted = settings.event_retention
    ahead_ms = time.time_ns() // 1_000_000 - state.clock_ms if state and state.clock_ms else 0
    days = wanted if wanted != _counting(settings, state) else None
    return _Waiting(days, ahead_ms // 86_400_000 if ahead_ms > CLOCK_GAP_MS_MAX else 0)


def _deletes(settings: Settings, waiting: _Waiting) -> list[dict[str, Any]]:
    """What a shorter default retention deletes, project by project."""
    if waiting.default_days is None:
        return []
    asked = {EVENT_RETENTION: retention_text(waiting.default_days)}
    found = []
    for each in all_projects(settings):
        if each.event_retention is None and serves(settings.region, each.region):
            answer = server_of(settings, str(each.project_id)).ask("GET", PATH, asked)
            found.append({"project_id": each.project_id, "name": each.name, **answer["deletes"]})
    return found


def _print(waiting: _Waiting, deleted: list[dict[str, Any]], *, err: bool = False) -> None:
    if waiting.clock_days:
        now = f"{datetime.now(UTC):%Y-%m-%d}"
        click.echo(
            f"The clock says {now}, which is {waiting.clock_days} days after the last known time. If that is wrong,"
            " correct the clock: by it, data would be deleted that is not too old.",
            err=err,
        )
    if waiting.default_days is None:
        return
    click.echo(f"A default retention of {in_days(waiting.default_days)} waits. It would delete for good:", err=err)
    rows = [
        (printable(each["name"]), f"{each['events']:,}", each["first_day"] or "", each["last_day"] or "")
        for each in deleted
    ]
    print_table(("Project", "Events", "First day", "Last day"), rows, err=err)
