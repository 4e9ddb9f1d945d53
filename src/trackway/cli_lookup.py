"""`trackway lookup-table …`: a project's lookup tables, over the HTTP interface of the running server.

Only the server reaches the store, so these commands are a client of it like any other: the address comes from what the
server wrote when it started, the credentials are the project's secret.
"""

import json
import os
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

import click

from trackway.cli_options import JSON, load_flags, print_table, settings_options
from trackway.errors import ConfigError, StorageError
from trackway.limits import LOOKUP_TABLE_BYTES_MAX

if TYPE_CHECKING:
    from trackway.projects.project import Project
    from trackway.settings import Settings

_ANSWER_S_MAX: Final = 600
_PIECE_BYTES: Final = 64 * 1024
_PATH: Final = "/lookup-tables"


class _Place(NamedTuple):
    """A server and the project there."""

    url: str
    project: "Project"


def _at_server(command: Any) -> Any:
    """The options that every one of these commands has."""
    url = click.option("--url", metavar="URL", help="The server. [default: the one that runs on the data directory]")
    project = click.option("--project", "named", metavar="NAME", help="The project. [default: the only one]")
    return project(url(settings_options("data_dir", "projects_url")(command)))


@click.group("lookup-table")
def lookup_table() -> None:
    """Create, list, replace and delete lookup tables, by way of the running server."""


@lookup_table.command("create")
@click.argument("name")
@_at_server
@JSON
def create(name: str, named: str | None, url: str | None, as_json: bool, **flags: Any) -> None:
    """Create the lookup table NAME, empty, and print its id. Where there is one of that name, print its id."""
    place = _place(load_flags(flags), named, url)
    _print_tables(_ask(place, "POST", f"{_PATH}?name={quote(name, safe='')}")["results"], as_json)


@lookup_table.command("list")
@_at_server
@JSON
def list_tables(named: str | None, url: str | None, as_json: bool, **flags: Any) -> None:
    """List a project's lookup tables."""
    place = _place(load_flags(flags), named, url)
    _print_tables(_ask(place, "GET", _PATH)["results"], as_json)


@lookup_table.command("replace")
@click.argument("table_id", metavar="ID")
@click.argument("file", type=click.File("rb"))
@_at_server
def replace(table_id: str, file: IO[bytes], named: str | None, url: str | None, **flags: Any) -> None:
    """Replace the lookup table ID by the CSV in FILE, packed by gzip or not; - is standard input.

    The first column is the key, the first row the names of the columns. A table is replaced whole or, when a row of
    it is wrong, not at all.
    """
    place = _place(load_flags(flags), named, url)
    _ask(place, "PUT", f"{_PATH}/{quote(table_id, safe='')}", file)


@lookup_table.command("delete")
@click.argument("table_id", metavar="ID")
@_at_server
def delete(table_id: str, named: str | None, url: str | None, **flags: Any) -> None:
    """Delete the lookup table ID."""
    place = _place(load_flags(flags), named, url)
    _ask(place, "DELETE", f"{_PATH}/{quote(table_id, safe='')}")


def _print_tables(tables: list[dict[str, str]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(tables, indent=2))
    elif tables:
        print_table(("Id", "Name"), [(table["id"], table["name"]) for table in tables])
    else:
        click.echo("No lookup tables yet. Create one: trackway lookup-table create NAME", err=True)


def _place(settings: "Settings", named: str | None, url: str | None) -> _Place:
    """Raises ConfigError when there is no such project, or no server has been started."""
    from trackway.identity_commands import _project, _running

    return _Place(url or _running(settings), _project(settings, named))


def _ask(place: _Place, method: str, path: str, file: IO[bytes] | None = None) -> dict[str, Any]:
    """The server's answer. Raises ConfigError with what the server refused it for, StorageError when it failed."""
    parts = urlsplit(place.url)
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = connect(parts.netloc, timeout=_ANSWER_S_MAX)
    credentials = b64encode(f"{place.project.secret}:".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}"} | ({"Content-Type": "text/csv"} if file else {})
    try:
        # A table may be refused while it is still being sent: why, the answer says.
        with _shown(file) as body, suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, parts.path.rstrip("/") + path, body, headers)
        response = connection.getresponse()
        return _read_answer(response.status, response.read())
    except (OSError, HTTPException) as error:
        raise ConfigError(f"no answer from the server at {place.url}: {error}") from error
    finally:
        connection.close()


def _read_answer(status: int, body: bytes) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(body)
        rows = [f"row {row['index']}: {row['message']}" for row in answer.get("failed_records", ())]
        message = "; ".join(rows) or str(answer.get("error"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"what answers there is no trackway server: {status} {body[:100]!r}") from error
    if status >= 500:
        raise StorageError(message)
    if status != 200:
        raise ConfigError(message)
    return answer


@contextmanager
def _shown(file: IO[bytes] | None) -> Iterator[Iterator[bytes] | None]:
    """The pieces of a file, with a bar that shows on a terminal how much was sent."""
    if file is None:
        yield None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("replacing", total=_size(file))

        def pieces() -> Iterator[bytes]:
            while piece := file.read(_PIECE_BYTES):
                yield piece
                progress.advance(task, len(piece))

        yield pieces()


def _size(file: IO[bytes]) -> int | None:
    """The bytes of a file, None for a pipe. Raises ConfigError for more than a table may have."""
    try:
        size = os.fstat(file.fileno()).st_size
    except OSError:
        return None
    if size > LOOKUP_TABLE_BYTES_MAX:
        raise ConfigError(f"{file.name} has {size} bytes, a lookup table at most {LOOKUP_TABLE_BYTES_MAX}")
    return size or None
