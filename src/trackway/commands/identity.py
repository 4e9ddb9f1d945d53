"""`trackway identity …`: whose an id is, what a merge would do, and undoing a link, by way of the running server.

What it answers is printed as it came (`--json`), or told in words.
"""

import json
from typing import Any, Final

import click

from trackway.commands.options import load_flags, print_table, printable
from trackway.commands.server import Answer, server_of, server_options

_PATH: Final = "/api/app/identity"


@click.group()
def identity() -> None:
    """Look at how ids became one person, before and after, and undo it. Asks the running server."""


@identity.command("show")
@click.argument("id")
@server_options()
def show(id: str, named: str | None, url: str | None, as_json: bool, **flags: Any) -> None:
    """Show the person that ID belongs to, all its ids, and how they became one."""
    answer = server_of(load_flags(flags), named, url).ask("GET", _PATH, {"distinct_id": id})
    if as_json:
        click.echo(json.dumps(answer, indent=2))
    else:
        _tell_person(answer)


@identity.command("preview")
@click.argument("first")
@click.argument("second")
@server_options()
def preview(first: str, second: str, named: str | None, url: str | None, as_json: bool, **flags: Any) -> None:
    """Say what making one person of FIRST and SECOND would do. Changes nothing."""
    ids = json.dumps([first, second])
    answer = server_of(load_flags(flags), named, url).ask("GET", f"{_PATH}/preview", {"ids": ids})
    if as_json:
        click.echo(json.dumps(answer, indent=2))
    else:
        _tell_preview(answer)


@identity.command("unlink")
@click.argument("id")
@click.option("--reason", required=True, help="Why; it is kept with the time.")
@server_options()
def unlink(id: str, reason: str, named: str | None, url: str | None, as_json: bool, **flags: Any) -> None:
    """Make ID stand alone, for all its events, earlier and later ones."""
    body = json.dumps({"id": id, "reason": reason}).encode()
    answer = server_of(load_flags(flags), named, url).ask("POST", f"{_PATH}/unlink", body=body)
    click.echo(json.dumps(answer, indent=2) if as_json else f"{printable(id)} stands alone from now on.")


def _tell_person(answer: Answer) -> None:
    """A person's ids, and how they became so."""
    own, ids = printable(answer["canonical_id"]), [printable(id) for id in answer["ids"]]
    asked = printable(answer["distinct_id"])
    click.echo(f"{asked} stands alone." if len(ids) == 1 else f"{asked} is {own}, with {_count(len(ids), 'id')}:")
    for id in ids if len(ids) > 1 else ():
        click.echo(f"  {id}{'  (canonical)' if id == own else ''}")
    if answer["ids_are_cut"]:
        click.echo("  … and more")
    if answer["history"]:
        click.echo()
        rows = [(step["time"], step["kind"], _outcome(step), step["reason"]) for step in answer["history"]]
        print_table(("Time", "Asked by", "What became of it", "Reason"), rows)


def _outcome(step: Answer) -> str:
    if step["outcome"] == "unlinked":
        return f"{step['id']} stands alone from here on"
    verb = "belongs to" if step["outcome"] == "linked" else "was refused to belong to"
    return f"{step['id']} {verb} {step['to']}"


def _tell_preview(answer: Answer) -> None:
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
        click.echo(f"Merged, all events would be those of {own}; to it would move: {moved}.")
        click.echo("Profiles would stay under their own ids; later updates go to the one of the canonical id.")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
