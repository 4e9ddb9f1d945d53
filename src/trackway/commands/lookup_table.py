"""`trackway lookup-table …`: a project's lookup tables. Asks the running server."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Final
from urllib.parse import quote

import click

from trackway.commands.limits import COMMAND_PIECE_BYTES
from trackway.commands.options import load_flags, print_table
from trackway.commands.running_server import server_of, server_options
from trackway.domain.errors import ConfigError
from trackway.domain.limits import LOOKUP_TABLE_BYTES_MAX

_PATH: Final = "/lookup-tables"


@click.group("lookup-table")
def lookup_table() -> None:
    """Manage lookup tables. Asks the running server."""


@lookup_table.command("create")
@click.argument("name")
@server_options()
def create(name: str, named: str | None, url: str | None, as_json: bool, **flags: Any) -> None:
    """Create the empty lookup table NAME and print its id.

    If a table of that name exists, print its id.
    """
    made = server_of(load_flags(flags), named, url).ask("POST", _PATH, {"name": name})
    _print_tables(made["results"], as_json)


@lookup_table.command("list")
@server_options()
def list_tables(named: str | None, url: str | None, as_json: bool, **flags: Any) -> None:
    """List a project's lookup tables."""
    _print_tables(server_of(load_flags(flags), named, url).ask("GET", _PATH)["results"], as_json)


@lookup_table.command("replace")
@click.argument("table_id", metavar="ID")
@click.argument("file", type=click.File("rb"))
@server_options(as_json=False)
def replace(table_id: str, file: IO[bytes], named: str | None, url: str | None, **flags: Any) -> None:
    """Replace the lookup table ID by the CSV in FILE.

    FILE may be compressed with gzip; - is standard input. The first row has the names of the columns, the first column
    is the key. A table is replaced as a whole, or not at all if a row is wrong.
    """
    server = server_of(load_flags(flags), named, url)
    with _shown(file) as pieces:
        server.ask("PUT", f"{_PATH}/{quote(table_id, safe='')}", body=pieces, content_type="text/csv")


@lookup_table.command("delete")
@click.argument("table_id", metavar="ID")
@server_options(as_json=False)
def delete(table_id: str, named: str | None, url: str | None, **flags: Any) -> None:
    """Delete the lookup table ID."""
    server_of(load_flags(flags), named, url).ask("DELETE", f"{_PATH}/{quote(table_id, safe='')}")


def _print_tables(tables: list[dict[str, str]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(tables, indent=2))
    elif tables:
        print_table(("Id", "Name"), [(table["id"], table["name"]) for table in tables])
    else:
        click.echo("No lookup tables yet. Create one: trackway lookup-table create NAME", err=True)


@contextmanager
def _shown(file: IO[bytes]) -> Iterator[Iterator[bytes]]:
    """The pieces of a file, with a bar that shows on a terminal how much was sent."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("replacing", total=_size(file))

        def pieces() -> Iterator[bytes]:
            while piece := file.read(COMMAND_PIECE_BYTES):
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
