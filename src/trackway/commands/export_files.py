"""`trackway export`: events as files for a warehouse. Asks the running server."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import click

from trackway.commands.import_files import address_of
from trackway.commands.options import JSON, load_flags, settings_options
from trackway.commands.running_server import URL, server_of
from trackway.domain.duration import seconds_of
from trackway.domain.errors import ConfigError
from trackway.transfer.destinations import destination_of
from trackway.transfer.event_columns import COLUMNS, Column, FileFormat, Kind
from trackway.transfer.exporting import Day, Export, Exporter, Written, identity_of
from trackway.transfer.limits import EXPORT_COLUMNS_MAX

_KINDS: Final = {"text": Kind.TEXT, "number": Kind.NUMBER, "boolean": Kind.BOOLEAN}


@click.command("export")
@click.argument("destination")
@click.option("--project", "named", metavar="NAME", help="The project. [default: the only one]")
@click.option(
    "--format",
    "format_",
    type=click.Choice([each.value for each in FileFormat]),
    default=FileFormat.PARQUET.value,
    show_default=True,
)
@click.option("--since-last", is_flag=True, help="Only events that were loaded since the last export there.")
@click.option("--every", metavar="TIME", help="Export again and again after this time, such as 15m or 1h.")
@click.option(
    "--column",
    "columns",
    metavar="PROPERTY[:TYPE]",
    multiple=True,
    help="A property as a column of its own: text, number or boolean. [default: text]",
)
@click.option("--event", "events", metavar="NAME", multiple=True, help="Only events of this name.")
@click.option("--gzip", "packed", is_flag=True, help="Compress NDJSON and CSV. Parquet always is.")
@settings_options("data_dir", "projects_url")
@URL
@JSON
def export_files(
    destination: str,
    named: str | None,
    format_: str,
    since_last: bool,
    every: str | None,
    columns: Sequence[str],
    events: Sequence[str],
    packed: bool,
    url: str | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Export events as files for a warehouse.

    DESTINATION is a directory or s3://BUCKET/KEY. There is one file for each day of the events, in UTC, below
    day=YYYY-MM-DD. With --since-last further files have what was loaded since the last export, also late events of
    earlier days; without it all is exported anew.
    """
    settings = load_flags(flags)
    wait_s = _seconds(every)
    if wait_s and not since_last:
        raise ConfigError("--every exports what is new each time: give --since-last too")
    chosen = (*COLUMNS, *_columns(columns))
    while True:
        server = server_of(settings, named, url)
        export = Export(
            address_of(server),
            destination_of(destination),
            FileFormat(format_),
            chosen,
            events,
            packed,
            since_last,
            identity_of(server.project.token, FileFormat(format_), columns, events, packed=packed),
        )
        with _bar() as (begin, tell):
            written = Exporter(export, begin, tell).run()
        _report(written, as_json)
        if not wait_s:
            return
        time.sleep(wait_s)


def _columns(given: Sequence[str]) -> list[Column]:
    """The columns that options name. Raises ConfigError for a type that there is not, and for a name that is taken."""
    if len(given) > EXPORT_COLUMNS_MAX:
        raise ConfigError(f"at most {EXPORT_COLUMNS_MAX} properties can be columns, not {len(given)}")
    found: list[Column] = []
    for text in given:
        name, _, kind = text.rpartition(":") if text.rpartition(":")[2] in _KINDS else (text, "", "text")
        if not name or name.lower() in {each.name.lower() for each in (*COLUMNS, *found)}:
            raise ConfigError(f"a column must have a name of its own, not {name!r}")
        found.append(Column(name, name, _KINDS[kind], of_properties=True))
    return found


def _seconds(text: str | None) -> float:
    """Seconds of a time such as 90s, 15m, 1h or 1d; 0 without one."""
    if text is None:
        return 0.0
    if (seconds := seconds_of(text)) is None:
        raise ConfigError(f"every must be a time such as 90s, 15m, 1h or 1d, not {text[:40]!r}")
    return float(seconds)


def _report(written: Written, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(written._asdict()))
    else:
        click.echo(f"{written.events} events were exported in {written.files} files.")


@contextmanager
def _bar() -> Iterator[tuple[Callable[[list[Day]], object], Callable[[Day], object]]]:
    """A bar that shows on a terminal how many events of the range are exported, and the time left."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("exporting", total=None)

        def begin(days: list[Day]) -> None:
            progress.update(task, total=sum(day.events for day in days))

        yield begin, lambda day: progress.advance(task, day.events)
