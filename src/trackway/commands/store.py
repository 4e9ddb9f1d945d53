"""`trackway store …`: rebuild the facts that reports read, and check them against the events. Asks the running server.

Both take one project or all of them. A bar on a terminal shows how much is left. `--json` prints one list. The group's
third command is in `store_server`.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import click

from trackway.commands.limits import COMMAND_POLL_S
from trackway.commands.options import JSON, load_flags, print_table, printable, settings_options
from trackway.commands.running_server import URL, Answer, Server, servers_of

_PATH: Final = "/api/app/facts"
_EXIT_DIFFERENT: Final = 1
_PROJECT: Final = click.option("--project", "named", metavar="NAME", help="The project. [default: all]")
_Shown = Callable[[int, int], None]
"""Shows how many are done, of how many."""


@click.group()
def store() -> None:
    """Rebuild and check what the store derives; serve a store alone.

    Reports read facts, which the server derives from events. `check` and `rebuild` ask the running server.
    """


@store.command("rebuild")
@_PROJECT
@click.option("--no-wait", is_flag=True, help="Do not wait until the facts are built.")
@settings_options("data_dir", "projects_url")
@URL
@JSON
def rebuild(named: str | None, no_wait: bool, url: str | None, as_json: bool, **flags: Any) -> None:
    """Drop the facts and build them anew from the events.

    Waits until they are complete. Reports are right meanwhile, but slower. Interrupting the command does not stop the
    server's work.
    """
    servers = servers_of(load_flags(flags), named, url)
    states = [server.ask("POST", f"{_PATH}/rebuild", body=b"{}") for server in servers]
    if not no_wait:
        states = [_built(server) for server in servers]
    _print(servers, states, as_json, ("Events", "Behind", "State"), lambda each: [_state_row(each)])


@store.command("check")
@_PROJECT
@settings_options("data_dir", "projects_url")
@URL
@JSON
def check(named: str | None, url: str | None, as_json: bool, **flags: Any) -> int:
    """Compare the facts with the events, a few days at a time.

    Counts the events of each name and day on both sides, and compares their times, persons and properties. Prints each
    name and day that differs, and then ends with exit code 1. The facts must be complete. Compares the counts and sums
    that are derived from facts with the facts, too, row by row.
    """
    servers = servers_of(load_flags(flags), named, url)
    results = [_checked(server) for server in servers]
    _print(
        servers,
        results,
        as_json,
        ("Day", "Event", "Table", "Property", "Facts", "Events", "Difference"),
        _difference_rows,
    )
    differing = sum(each["differing"] for each in results)
    if not as_json:
        click.echo(f"{sum(each['events'] for each in results)} events compared, {_found(differing)}.")
    return _EXIT_DIFFERENT if differing else 0


def _built(server: Server) -> Answer:
    """The state of the facts once they are complete."""
    with _bar(f"building {printable(server.project.name)}") as shown:
        while True:
            state = server.ask("GET", _PATH)
            shown(state["events"] - state["behind"], state["events"])
            if state["state"] == "complete":
                return state
            time.sleep(COMMAND_POLL_S)


def _checked(server: Server) -> Answer:
    """What all steps of a project's check found together."""
    steps = server.ask("GET", f"{_PATH}/steps")["steps"]
    total, done = sum(step["events"] for step in steps), 0
    found: Answer = {"events": 0, "differing": 0, "differences": []}
    with _bar(f"checking {printable(server.project.name)}") as shown:
        for step in steps:
            asked = {name: str(value) for name, value in step.items() if name != "events"}
            compared = server.ask("GET", f"{_PATH}/compare", asked)
            for name in found:
                found[name] += compared[name]
            done += step["events"]
            shown(done, total)
    return found


@contextmanager
def _bar(text: str) -> Iterator[_Shown]:
    """A bar on a terminal, nothing elsewhere."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(text, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _print(
    servers: list[Server],
    answers: list[Answer],
    as_json: bool,
    heads: tuple[str, ...],
    rows_of: Callable[[Answer], list[tuple[str, ...]]],
) -> None:
    projects = [server.project for server in servers]
    if as_json:
        parts = [{name: value for name, value in each.items() if name != "status"} for each in answers]
        named = [{"project_id": each.project_id, "name": each.name} for each in projects]
        click.echo(json.dumps([one | part for one, part in zip(named, parts, strict=True)], indent=2))
        return
    rows = [
        (printable(project.name), *row)
        for project, each in zip(projects, answers, strict=True)
        for row in rows_of(each)
    ]
    if rows:
        print_table(("Project", *heads), rows)


def _state_row(state: Answer) -> tuple[str, ...]:
    return str(state["events"]), str(state["behind"]), str(state["state"])


def _difference_rows(found: Answer) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        (
            each["day"],
            printable(each["event"]),
            each["table"],
            printable(each["property"]),
            str(each["facts"]),
            str(each["events"]),
            "number" if each["facts"] != each["events"] else "content",
        )
        for each in found["differences"]
    ]
    more = found["differing"] - len(rows)
    return [*rows, ("…", f"and {more} more", "", "", "", "", "")] if more else rows


def _found(differing: int) -> str:
    if not differing:
        return "no difference"
    return f"{differing} difference{'' if differing == 1 else 's'}"
