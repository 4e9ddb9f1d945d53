"""`trackway identity …`: the person of an id, the effect of a merge, and undoing a link. Asks the running server.

`--json` prints the server's answer unchanged.
"""

import json
from typing import Any, Final

import click

from trackway.commands.options import load_flags, print_table, printable
from trackway.commands.running_server import Answer, server_of, server_options
from trackway.domain.errors import StateError

_PATH: Final = "/api/app/identity"


@click.group()
def identity() -> None:
    """Inspect, preview and undo links between ids. Asks the running server."""


@identity.command("show")
@click.argument("id")
@server_options()
def show(id: str, named: str | None, url: str | None, as_json: bool, **flags: Any) -> None:
    """Show the person of ID, all their ids, and the links between them.

    Fails where the project has no event, no profile and no link of ID.
    """
    server = server_of(load_flags(flags), named, url)
    answer = server.ask("GET", _PATH, {"distinct_id": id})
    if not answer["known"]:
        raise StateError(f"project {server.project.project_id} has nothing of the id {id!r}")
    if as_json:
        click.echo(json.dumps(answer, indent=2))
    else:
        _print_person(answer)


@identity.command("preview")
@click.argument("first")
@click.argument("second")
@server_options()
def preview(first: str, second: str, named: str | None, url: str | None, as_json: bool, **flags: Any) -> None:
    """Show what merging FIRST and SECOND would do.

    Changes nothing.
    """
    ids = json.dumps([first, second])
    answer = server_of(load_flags(flags), named, url).ask("GET", f"{_PATH}/preview", {"ids": ids})
    if as_json:
        click.echo(json.dumps(answer, indent=2))
    else:
        _print_preview(answer)


@identity.command("unlink")
@click.argument("id")
@click.option("--reason", required=True, help="The reason, which is kept in the history.")
@server_options()
def unlink(id: str, reason: str, named: str | None, url: str | None, as_json: bool, **flags: Any) -> None:
    """Separate ID from its person.

    This holds for earlier and later events.
    """
    body = json.dumps({"id": id, "reason": reason}).encode()
    answer = server_of(load_flags(flags), named, url).ask("POST", f"{_PATH}/unlink", body=body)
    click.echo(json.dumps(answer, indent=2) if as_json else f"{printable(id)} is a person of its own from now on.")


def _print_person(answer: Answer) -> None:
    """A person's ids, and their history."""
    own, ids = printable(answer["canonical_id"]), [printable(id) for id in answer["ids"]]
    asked = printable(answer["distinct_id"])
    click.echo(f"{asked} has no other ids." if len(ids) == 1 else f"{asked} is {own}, with {_count(len(ids), 'id')}:")
    for id in ids if len(ids) > 1 else ():
        click.echo(f"  {id}{'  (canonical)' if id == own else ''}")
    if answer["ids_are_cut"]:
        click.echo("  … and more")
    if answer["history"]:
        click.echo()
        rows = [(step["time"], step["kind"], _outcome(step), step["reason"]) for step in answer["history"]]
        print_table(("Time", "Request", "Result", "Reason"), rows)


def _outcome(step: Answer) -> str:
    if step["outcome"] == "unlinked":
        return f"{step['id']} is a person of its own"
    verb = "belongs to" if step["outcome"] == "linked" else "was refused to belong to"
    return f"{step['id']} {verb} {step['to']}"


def _print_preview(answer: Answer) -> None:
    """What a merge would do, in words."""
    for side in answer["sides"]:
        counts = f"{_count(side['events'], 'event')}, {_count(side['profiles'], 'profile')}"
        click.echo(f"{printable(side['canonical_id'])}: {_count(len(side['ids']), 'id')}, {counts}")
    if not answer["allowed"]:
        click.echo(f"They would not be merged: {answer['reason']}.")
    elif not answer["moved_ids"]:
        click.echo(f"They are one already: {printable(answer['canonical_id'])}.")
    else:
        moved, own = ", ".join(map(printable, answer["moved_ids"])), printable(answer["canonical_id"])
        click.echo(f"Merged, all events would belong to {own}. These ids would move to it: {moved}.")
        click.echo(
            "Profiles would stay under their own ids. Later updates would go to the profile of the canonical id."
        )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
