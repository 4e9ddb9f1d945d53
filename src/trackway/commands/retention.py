"""How commands read retentions, and ask before one deletes something."""

import json
import sys
from typing import Final

import click

from trackway.commands.running_server import server_of
from trackway.domain.data_age import SERVERS_WORD, read_retention, retention_text
from trackway.domain.errors import InvalidInput, StateError
from trackway.projects.project import EVENT_RETENTION, PROFILE_RETENTION, Project
from trackway.settings.table import Settings

PATH: Final = "/api/app/retention"
_YES: Final = "yes"


def read_retentions(event_retention: str | None, profile_retention: str | None) -> dict[str, int | None]:
    """The retentions that are given, by name; None for what the server says. Raises InvalidInput."""
    given = {EVENT_RETENTION: event_retention, PROFILE_RETENTION: profile_retention}
    return {
        name: None if text == SERVERS_WORD else read_retention(text, name)
        for name, text in given.items()
        if text is not None
    }


def confirmed(
    settings: Settings, project: Project, kept: dict[str, int | None], *, yes: bool, dry_run: bool, as_json: bool
) -> bool:
    """Whether the retentions may be set: somebody typed `yes`, or they delete nothing. `dry_run` prints what they
    delete. Raises StateError where no server can say what that is."""
    if yes and not dry_run:
        return True
    asked = {name: SERVERS_WORD if days is None else retention_text(days) for name, days in kept.items()}
    try:
        answer = server_of(settings, str(project.project_id)).ask("GET", PATH, asked)
    except StateError as error:
        raise StateError(f"nobody can say what this deletes: {error}; or give --yes") from error
    deletes, sentence = answer["deletes"], str(answer["sentence"])
    if dry_run:
        click.echo(json.dumps(deletes, indent=2) if as_json else sentence)
        return False
    if not deletes["events"] and not deletes["profiles"]:
        return True
    click.echo(f"{sentence[:1].upper()}{sentence[1:]}, for good.", err=True)
    typed_yes()
    return True


def typed_yes() -> None:
    """Return once somebody has typed `yes`. Raises InvalidInput where nobody does."""
    if not sys.stdin.isatty():
        raise InvalidInput("nobody is there to type yes: give --yes")
    if click.prompt("Type yes", err=True, default="", show_default=False).strip().lower() != _YES:
        raise InvalidInput("nothing was changed, since yes was not typed")
