"""`trackway person …`: erase persons, and see or cancel that; write what is stored of them. Asks the running server.

Nothing is erased before somebody has seen what it is and said yes, unless `--yes` says so.
"""

import json
import os
import time
from pathlib import Path
from typing import Any, Final

import click

from trackway.commands.limits import COMMAND_POLL_S
from trackway.commands.options import JSON, load_flags, print_table, printable, say, settings_options
from trackway.commands.running_server import URL, Answer, Server, server_of, server_options
from trackway.domain.errors import StateError

_PATH: Final = "/api/app/data-deletions/v3.0"
_RETRIEVALS: Final = "/api/app/data-retrievals/v3.0"
_FILES: Final = {
    "person.json": {"format": "json"},
    "events.csv": {"format": "csv", "table": "events"},
    "profiles.csv": {"format": "csv", "table": "profiles"},
}
_ENDED: Final = ("SUCCESS", "FAILURE", "REVOKED")
_OLD_FACTS: Final = "facts"
_IDS_SHOWN_MAX: Final = 20
_EXIT_FAILED: Final = 1


@click.group()
def person() -> None:
    """Erase persons, or write what is stored of them.

    A person is all ids that were linked, with all events and profiles under them. Asks the running server.
    """


@person.command("erase")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--ccpa", is_flag=True, help="Note that the California Consumer Privacy Act asks for it. [default: GDPR]")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--no-wait", is_flag=True, help="Do not wait until it is done.")
@server_options()
def erase(
    ids: tuple[str, ...],
    ccpa: bool,
    yes: bool,
    no_wait: bool,
    named: str | None,
    url: str | None,
    as_json: bool,
    **flags: Any,
) -> int:
    """Erase the persons of each ID, for ever.

    Shows what that takes, and asks. Until it begins, a minute later, it can be cancelled. What comes under these ids
    within a day is dropped, too. Interrupting the command does not stop the server's work. Ends with exit code 1 where
    it failed.
    """
    server = server_of(load_flags(flags), named, url)
    wanted: dict[str, Any] = {"distinct_ids": list(ids), "compliance_type": "CCPA" if ccpa else "GDPR"}
    body = json.dumps(wanted).encode()
    if not yes:
        _show_size(server.ask("POST", f"{_PATH}/preview", body=body)["results"])
        click.confirm("Erase all of it, for ever?", abort=True, err=True)
    task_id = server.ask("POST", _PATH, body=body)["results"]["task_id"]
    if not as_json:
        click.echo(f"Task {task_id} erases them. Until it begins: trackway person cancel {task_id}", err=True)
    found = _certificate(server, task_id) if no_wait else _ended(server, task_id)
    _print(found, as_json)
    if found["status"] == "STARTED" and not as_json and not no_wait:
        click.echo(f"Only old files are left, which go within minutes: trackway person task {task_id}", err=True)
    return _EXIT_FAILED if found["status"] == "FAILURE" else 0


@person.command("export")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option(
    "--to",
    "directory",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="A directory that is made, and must not be there.",
)
@click.option("--ccpa", is_flag=True, help="Note that the California Consumer Privacy Act asks for it. [default: GDPR]")
@server_options()
def export(
    ids: tuple[str, ...],
    directory: Path,
    ccpa: bool,
    named: str | None,
    url: str | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Write what is stored of the persons of each ID to files.

    The files are person.json with all of it, and events.csv and profiles.csv. Only you may read them.
    """
    server = server_of(load_flags(flags), named, url)
    try:
        directory.mkdir(mode=0o700)
    except OSError as error:
        raise StateError(f"{directory} cannot be made: {error.strerror or error}") from error
    body = json.dumps({"distinct_ids": list(ids), "compliance_type": "CCPA" if ccpa else "GDPR"}).encode()
    task_id = server.ask("POST", _RETRIEVALS, body=body)["results"]["task_id"]
    path, files = f"{_RETRIEVALS}/{task_id}/file", []
    for name, asked in _FILES.items():
        files.append(directory / name)
        with os.fdopen(os.open(files[-1], os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            server.copy(path, asked, file)
    if as_json:
        click.echo(json.dumps({"task_id": task_id, "files": [str(file) for file in files]}, indent=2))
    else:
        click.echo("\n".join(str(file) for file in files))


@person.command("task")
@click.argument("task", type=click.IntRange(1))
@server_options()
def task(task: int, named: str | None, url: str | None, as_json: bool, **flags: Any) -> None:
    """Show how far TASK is, and its certificate once it has ended."""
    _print(_certificate(server_of(load_flags(flags), named, url), str(task)), as_json)


@person.command("cancel")
@click.argument("task", type=click.IntRange(1))
@click.option("--project", "named", metavar="NAME", help="The project. [default: the only one]")
@settings_options("data_dir", "projects_url")
@URL
@JSON
def cancel(task: int, named: str | None, url: str | None, as_json: bool, **flags: Any) -> None:
    """Cancel TASK before it begins."""
    server_of(load_flags(flags), named, url).send("DELETE", f"{_PATH}/{task}")
    say({"task_id": str(task), "cancelled": True}, f"Task {task} is cancelled.", as_json=as_json)


def _is_gone(left: Answer | None) -> bool:
    """Whether nothing is left that a query may read. Old facts are dropped some minutes later."""
    return left is not None and not any(rows for table, rows in left.items() if table != _OLD_FACTS)


def _ended(server: Server, task_id: str) -> Answer:
    """The certificate once the task has ended, or has to wait for old facts alone."""
    while True:
        found = _certificate(server, task_id)
        if found["status"] in _ENDED or _is_gone(found["rows_left"]):
            return found
        time.sleep(COMMAND_POLL_S)


def _certificate(server: Server, task_id: str) -> Answer:
    found: Answer = server.ask("GET", f"{_PATH}/{task_id}/certificate")["results"]
    return found


def _show_size(size: Answer) -> None:
    """What would go, for the person who decides. On standard error, as the question."""
    ids = size["ids"]
    click.echo(f"{len(ids)} ids, {size['events']} events, {size['profiles']} profiles:", err=True)
    for id in ids[:_IDS_SHOWN_MAX]:
        click.echo(f"  {printable(id)}", err=True)
    if len(ids) > _IDS_SHOWN_MAX:
        click.echo(f"  and {len(ids) - _IDS_SHOWN_MAX} more", err=True)


def _print(found: Answer, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    rows = [(name.replace("_", " "), _text(value)) for name, value in found.items() if name != "task_id"]
    print_table(("Task", found["task_id"]), rows)


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {number}" for name, number in value.items())
    return "" if value is None else printable(str(value))
