"""`trackway sql`: a read-only statement over a project's events and profiles. Asks the running server."""

import csv
import json
import sys
from typing import Any, Final

import click
import msgspec

from trackway.commands.options import load_flags, print_table, printable, settings_options
from trackway.commands.running_server import URL, Answer, server_of
from trackway.domain.json_cell import texts_of

_PATH: Final = "/api/query/sql"
_FORMATS: Final = ("table", "csv", "json", "ndjson")


@click.command()
@click.argument("statement")
@click.option("--project", "named", metavar="NAME", help="The project. [default: the only one]")
@click.option("--format", "format_", type=click.Choice(_FORMATS), default="table", show_default=True)
@click.option("--from", "from_date", metavar="DAY", help="Only events from this day on, yyyy-mm-dd. Needs --to.")
@click.option("--to", "to_date", metavar="DAY", help="Only events up to this day.")
@settings_options("data_dir", "projects_url")
@URL
def sql(
    statement: str,
    named: str | None,
    format_: str,
    from_date: str | None,
    to_date: str | None,
    url: str | None,
    **flags: Any,
) -> None:
    """Ask a SELECT statement over events and profiles.

    Its tables are events, profiles and group_profiles. With - as STATEMENT it is read from standard input. Days are
    those of the project's time zone. A note on standard error says when there are more rows than an answer has.
    """
    text = sys.stdin.read() if statement == "-" else statement
    asked = {"query": text, "from_date": from_date, "to_date": to_date}
    server = server_of(load_flags(flags), named, url)
    found = server.ask("POST", _PATH, body=json.dumps(asked).encode(), parse=_parsed)
    _print(found, format_)
    if found["truncated"]:
        click.echo(f"trackway: only the first {found['row_count']} rows are shown, there are more", err=True)


def _print(found: Answer, format_: str) -> None:
    names, rows = [each["name"] for each in found["columns"]], found["rows"]
    match format_:
        case "json":
            click.echo(msgspec.json.encode({name: value for name, value in found.items() if name != "status"}))
        case "ndjson":
            for row in rows:
                click.echo(msgspec.json.encode(dict(zip(names, row, strict=True))))
        case "csv":
            table = csv.writer(sys.stdout, lineterminator="\n")
            table.writerow(names)
            table.writerows(map(texts_of, rows))
        case _:
            print_table(
                [printable(name) for name in names], [[printable(each) for each in texts_of(row)] for row in rows]
            )


def _parsed(answer: bytes) -> Answer:
    """The answer, with each value of its rows as the text that the store wrote. Raises ValueError for no JSON."""
    found: Answer = json.loads(answer)
    return found | {"rows": msgspec.json.decode(answer, type=_Rows).rows}


class _Rows(msgspec.Struct):
    rows: list[list[msgspec.Raw]]
