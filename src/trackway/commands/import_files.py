"""`trackway import`: events or profiles of files, by the public API. Asks the running server."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from trackway.commands.options import JSON, load_flags, settings_options
from trackway.commands.running_server import URL, Server, server_of
from trackway.domain.errors import ConfigError
from trackway.runtime.operator_key import OPERATOR_HEADER
from trackway.transfer.batch_sending import EVENTS, GROUPS, USERS, Target
from trackway.transfer.batches import FORMS_OF_COLUMNS, Forming
from trackway.transfer.connection import Address
from trackway.transfer.formats import Format
from trackway.transfer.importing import Counts, Import, Order
from trackway.transfer.limits import IMPORT_CONNECTIONS_MAX
from trackway.transfer.products import PRODUCTS
from trackway.transfer.progress_file import Progress
from trackway.transfer.shapes import Mapping, Owner, mapped, profile
from trackway.transfer.sources import REJECTED_ENDING, Source, sources_of

_CONNECTIONS: Final = 4
_EXIT_REJECTED: Final = 1


class Choice(NamedTuple):
    """What the options say about the records: `named` columns are those that an option names."""

    mapping: Mapping
    is_mapped: bool
    owner: Owner | None
    product: str | None = None

    def forming(self, format_: Format) -> Forming:
        """How records of a format are formed. Rows of columns always have a mapping."""
        if self.product is not None:
            return Forming(PRODUCTS[self.product], with_ids=True)
        has_columns = self.is_mapped or format_ in FORMS_OF_COLUMNS
        mapping = self.mapping._replace(is_text=format_ is Format.CSV)
        if self.owner is not None:
            return Forming(profile(self.owner, mapping if has_columns else None), with_ids=False)
        return Forming(mapped(mapping) if has_columns else None, with_ids=True)


@click.command("import")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--project", "named", metavar="NAME", help="The project. [default: the only one]")
@click.option("--profiles", is_flag=True, help="The records are profiles of users, not events.")
@click.option("--group", metavar="KEY", help="The records are profiles of the groups of this key.")
@click.option("--event-name", metavar="COLUMN", help="The column with the event's name. [default: event]")
@click.option("--time", metavar="COLUMN", help="The column with the event's time. [default: time]")
@click.option("--distinct-id", metavar="COLUMN", help="The column with the user's id. [default: distinct_id]")
@click.option(
    "--properties", metavar="COLUMN", multiple=True, help="A column that is a property. [default: all others]"
)
@click.option("--from", "product", type=click.Choice(list(PRODUCTS)), help="The files are an export of this product.")
@click.option(
    "--format",
    "given",
    type=click.Choice([each.value for each in Format]),
    help="The files' format. [default: by name and content]",
)
@click.option("--whole-paths", is_flag=True, help="Make $insert_ids from whole paths, for files of one name.")
@click.option("--rejected", metavar="FILE", help="Where rejected records go. [default: FILE.rejected.ndjson]")
@click.option("--state", "state_dir", metavar="DIR", default=".", help="Where the progress is kept. [default: .]")
@click.option("--restart", is_flag=True, help="Begin anew, whatever an interrupted import has done.")
@click.option("--connections", type=click.IntRange(1, IMPORT_CONNECTIONS_MAX), default=_CONNECTIONS, show_default=True)
@settings_options("data_dir", "projects_url")
@URL
@JSON
def import_files(
    files: Sequence[str],
    named: str | None,
    profiles: bool,
    group: str | None,
    product: str | None,
    given: str | None,
    whole_paths: bool,
    rejected: str | None,
    state_dir: str,
    restart: bool,
    connections: int,
    url: str | None,
    as_json: bool,
    **rest: Any,
) -> int:
    """Import events or profiles from files.

    FILE is NDJSON, JSON, CSV or Parquet, also as .gz or .zst; a directory; - for standard input; or s3://BUCKET/KEY.
    Interrupted, the same command continues. Nothing is stored twice: an event without $insert_id gets one of its
    file's name, its line and its content.

    Exit codes: 0 all were imported; 1 some were rejected, or it cannot be finished now; 2 a wrong argument.
    """
    columns = {name: rest.pop(name) for name in ("event_name", "time", "distinct_id", "properties")}
    server = server_of(load_flags(rest), named, url)
    choice = _choice(server, columns, profiles=profiles, group=group, product=product)
    sources = sources_of(files, whole_paths=whole_paths)
    if not sources:
        raise ConfigError(f"no files in {', '.join(files)}")
    directory = Path(state_dir)
    if not directory.is_dir():
        raise ConfigError(f"no directory {directory}: name one with --state")
    address = address_of(server)
    target = _target(choice, address)
    rejected_path = Path(rejected) if rejected else directory / f"{_base(sources[0])}{REJECTED_ENDING}"
    if rejected_path.exists() and rejected_path.resolve() in {Path(each.shown).resolve() for each in sources}:
        raise ConfigError(
            f"{rejected_path} is one of the files: name another file for rejected records with --rejected"
        )
    options = {**columns, "from": product, "group": group, "format": given, "rejected": rejected}
    digest = _digest(server, sources, options, target)
    progress = Progress(directory / f".trackway-import-{digest}.json")
    if not restart:
        progress.load(sources)
    # Of several updates of one profile the last one counts, so they are sent one after another.
    at_once = 1 if choice.owner is not None else connections
    order = Order(sources, address, target, choice.forming, Format(given) if given else None, at_once, rejected_path)
    with _bar(sources) as tell:
        Import(order, progress, tell).run()
    progress.remove()
    _report(progress, rejected_path, as_json)
    return _EXIT_REJECTED if progress.rejected else 0


def address_of(server: Server) -> Address:
    """The API of a server as its project's secret opens it."""
    return Address(server.url, server.project.secret, "", server.operator_headers(), verified=not server.is_ours)


def _choice(
    server: Server, columns: dict[str, Any], *, profiles: bool, group: str | None, product: str | None
) -> Choice:
    given = {name: value for name, value in columns.items() if value}
    if profiles and group:
        raise ConfigError("--profiles is for users, --group for groups: give one of them")
    if (profiles or group) and given.keys() & {"event_name", "time"}:
        raise ConfigError("profiles have no --event-name and no --time")
    if product and (given or profiles or group):
        raise ConfigError("--from has a mapping of its own, of events: leave out the options for columns and profiles")
    owner = Owner(server.project.token, group or "") if profiles or group else None
    return Choice(Mapping(**given), bool(given), owner, product)


def _target(choice: Choice, address: Address) -> Target:
    path, parameters = EVENTS
    if choice.owner is not None:
        path, parameters = GROUPS if choice.owner.group_key else USERS
    by_operator = OPERATOR_HEADER in address.headers
    return Target(path, parameters, not address.is_near, with_ids=choice.owner is None, by_operator=by_operator)


def _digest(server: Server, sources: list[Source], options: dict[str, Any], target: Target) -> str:
    """What makes two imports the same one: project, files and options."""
    same = [server.project.token, [each.name for each in sources], options, target.path]
    return sha256(json.dumps(same, default=list).encode()).hexdigest()[:16]


def _base(source: Source) -> str:
    return "stdin" if source.is_stream else source.name.rpartition("/")[2]


def _report(progress: Progress, rejected_path: Path, as_json: bool) -> None:
    kept = str(rejected_path) if progress.rejected else None
    if as_json:
        found = {
            "imported": progress.imported,
            "rejected": progress.rejected.total(),
            "reasons": dict(progress.rejected.most_common()),
            "rejected_file": kept,
            "resumed": progress.resumed,
        }
        click.echo(json.dumps(found))
        return
    click.echo(f"{progress.imported} records were imported, {progress.rejected.total()} rejected.")
    for reason, number in progress.rejected.most_common():
        click.echo(f"{number:>9}  {reason}", err=True)
    if kept:
        click.echo(f"The rejected records are in {kept}", err=True)


@contextmanager
def _bar(sources: list[Source]) -> Iterator[Callable[[Counts], object]]:
    """A bar that shows on a terminal how much was read, how many records a second are imported, and the time left."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    console = Console(stderr=True)
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[counts]}"), TimeRemainingColumn())
    total = sum(each.size_bytes for each in sources) or None
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("importing", total=total, counts="")

        def tell(counts: Counts) -> None:
            elapsed_s = progress.tasks[0].elapsed or 0.0
            rate = f"{counts.imported / elapsed_s:,.0f}/s" if elapsed_s > 1 else ""
            shown = f"{counts.imported:,} imported, {counts.rejected:,} rejected {rate}"
            progress.update(task, completed=counts.read_bytes, counts=shown)

        yield tell
