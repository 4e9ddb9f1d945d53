"""`trackway lookup-table …`: a project's lookup tables. Asks the running server."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Final
from urllib.parse import quote

import click

from trackway.commands.limits import COMMAND_PIECE_BYTES
from trackway.commands.options import load_flags, print_table, say
from trackway.commands.running_server import Server, server_of, server_options
from trackway.domain.errors import ConfigError, StateError
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
@server_options()
def replace(table_id: str, file: IO[bytes], named: str | None, url: str | None, as_json: bool, **flags: Any) -> None:
    """Replace the lookup table ID by the CSV in FILE.

    FILE may be compressed with gzip; - is standard input. The first row has the names of the columns, the first column
    is the key. A table is replaced as a whole, or not at all if a row is wrong.
    """
    server = server_of(load_flags(flags), named, url)
    with _shown(file) as pieces:
        server.ask("PUT", f"{_PATH}/{quote(table_id, safe='')}", body=pieces, content_type="text/csv")
    say({"id": table_id, "replaced": True}, "", as_json=as_json)


@lookup_table.command("delete")
@click.argument("table_id", metavar="ID")
@server_options()
def delete(table_id: str, named: str | None, url: str | None, as_json: bool, **flags: Any) -> None:
    """Delete the lookup table ID."""
    server_of(load_flags(flags), named, url).ask("DELETE", f"{_PATH}/{quote(table_id, safe='')}")
    say({"id": table_id, "deleted": True}, "", as_json=as_json)


@lookup_table.command("map")
@click.argument("table_id", metavar="ID")
@click.argument("property")
@click.option("--user", "of_user", is_flag=True, help="Map the property of users' profiles, not that of events.")
@server_options()
def map_property(
    table_id: str, property: str, of_user: bool, named: str | None, url: str | None, as_json: bool, **flags: Any
) -> None:
    """Map PROPERTY to the lookup table ID, whose keys are its values.

    Each column of the table is a property then: properties["PROPERTY → column"]. A property that is mapped already is
    mapped anew.
    """
    server = server_of(load_flags(flags), named, url)
    body = {"property": property, "table_id": table_id, "resource": _resource(of_user)}
    server.ask("PUT", _mappings(server), body=json.dumps(body).encode())
    say(body, "", as_json=as_json)


@lookup_table.command("unmap")
@click.argument("property")
@click.option("--user", "of_user", is_flag=True, help="Unmap the property of users' profiles, not that of events.")
@server_options()
def unmap_property(
    property: str, of_user: bool, named: str | None, url: str | None, as_json: bool, **flags: Any
) -> None:
    """End the mapping of PROPERTY to a lookup table. The table stays."""
    server = server_of(load_flags(flags), named, url)
    for each in server.ask("GET", _mappings(server))["results"]:
        if (each["property"], each["resource"]) == (property, _resource(of_user)):
            server.ask("DELETE", f"{_mappings(server)}/{each['id']}")
            say({**each, "unmapped": True}, "", as_json=as_json)
            return
    raise StateError(f"property {property!r} of {_resource(of_user)}s is mapped to no lookup table")


@lookup_table.command("mappings")
@server_options()
def list_mappings(named: str | None, url: str | None, as_json: bool, **flags: Any) -> None:
    """List the properties that are mapped to lookup tables."""
    server = server_of(load_flags(flags), named, url)
    mappings = server.ask("GET", _mappings(server))["results"]
    if as_json:
        click.echo(json.dumps(mappings, indent=2))
    elif mappings:
        rows = [(each["property"], f"{each['resource']}s", each["table_id"]) for each in mappings]
        print_table(("Property", "Of", "Lookup table"), rows)
    else:
        click.echo("No mappings yet. Make one: trackway lookup-table map ID PROPERTY", err=True)


def _mappings(server: Server) -> str:
    return f"/api/app/projects/{server.project.project_id}/lookup-mappings"


def _resource(of_user: bool) -> str:
    return "user" if of_user else "event"


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
