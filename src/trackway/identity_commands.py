"""`trackway identity`: whose an id is, what a merge would do, and undoing a link; a client of the running server.

The server is found where it says it is, in `run/server.json` of the data directory, or by `--url`; the project's secret
is read beside it. What it answers is printed as it came (`--json`), or told in words.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import closing
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

import click

from trackway.errors import ConfigError
from trackway.projects.project import Project
from trackway.projects.reader import open_reader
from trackway.settings import Settings

Answer = dict[str, Any]
PrintTable = Callable[[Sequence[str], Sequence[Sequence[str]]], None]

_TIMEOUT_S: Final = 60.0
_PATH: Final = "/api/app/identity"
_open = build_opener(ProxyHandler({})).open  # a server of one's own, whatever the environment says of proxies


class Client:
    """Asks the server for one project. Every method raises ConfigError with why there is no answer."""

    def __init__(self, settings: Settings, project: str | None, url: str | None) -> None:
        self._url = (url or _running(settings)).rstrip("/") + _PATH
        secret = _project(settings, project).secret
        self._headers = {"Authorization": "Basic " + b64encode(f"{secret}:".encode()).decode()}

    def show(self, id: str) -> Answer:
        return self._ask(f"{self._url}?{urlencode({'distinct_id': id})}")

    def preview(self, first: str, second: str) -> Answer:
        return self._ask(f"{self._url}/preview?{urlencode({'ids': json.dumps([first, second])})}")

    def unlink(self, id: str, reason: str) -> Answer:
        return self._ask(f"{self._url}/unlink", json.dumps({"id": id, "reason": reason}).encode())

    def _ask(self, url: str, body: bytes | None = None) -> Answer:
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"url must begin with http:// or https://, not {url[:80]!r}")
        try:
            with _open(Request(url, body, self._headers), timeout=_TIMEOUT_S) as reply:  # noqa: S310  as checked
                answer: Answer = json.loads(reply.read())
                return answer
        except HTTPError as error:
            raise ConfigError(f"server refused: {_told(error)}") from error
        except (OSError, HTTPException, ValueError) as error:
            raise ConfigError(f"server did not answer at {self._url}: {error}") from error


def _told(error: HTTPError) -> str:
    """The server's own words, if it is ours that answered."""
    try:
        return f"{error.code} {json.loads(error.read())['error']}"
    except (OSError, ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"


def _running(settings: Settings) -> str:
    try:
        return str(json.loads((settings.run_dir / "server.json").read_text())["url"])
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"no server runs on {settings.data_dir}: start it, or name one with --url") from error


def _project(settings: Settings, name: str | None) -> Project:
    """The project of that name or id, or the only one there is."""
    with closing(open_reader(settings.projects_at, patient=True)) as reader:
        known = reader.all_projects()
    found = [each for each in known if name is None or name in (each.name, str(each.project_id))]
    if len(found) == 1:
        return found[0]
    names = ", ".join(each.name for each in known) or "none"
    raise ConfigError(f"--project must name one of the projects: {names}")


def tell_person(answer: Answer, print_table: PrintTable) -> None:
    """A person's ids, and how they became so."""
    own, ids = answer["canonical_id"], answer["ids"]
    asked = answer["distinct_id"]
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


def tell_preview(answer: Answer) -> None:
    """What a merge would do, in words."""
    for side in answer["sides"]:
        counts = f"{_count(side['events'], 'event')}, {_count(side['profiles'], 'profile')}"
        click.echo(f"{side['canonical_id']}: {_count(len(side['ids']), 'id')}, {counts}")
    if not answer["allowed"]:
        click.echo(f"They would not be merged: {answer['reason']}.")
    elif not answer["moved_ids"]:
        click.echo(f"They are one already: {answer['canonical_id']}.")
    else:
        moved = ", ".join(answer["moved_ids"])
        click.echo(f"Merged, all events would be those of {answer['canonical_id']}; to it would move: {moved}.")
        click.echo("Profiles would stay under their own ids; later updates go to the one of the canonical id.")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
