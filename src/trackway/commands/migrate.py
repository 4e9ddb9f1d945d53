"""`trackway migrate`: a project of Mixpanel into a project here, by Mixpanel's own API. Asks the running server."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from trackway.commands.import_files import address_of
from trackway.commands.options import JSON, load_flags, print_table, settings_options
from trackway.commands.running_server import Server, server_of
from trackway.domain.errors import ConfigError, StateError
from trackway.transfer.limits import (
    COMPARE_S_MAX,
    COMPARE_STILL_S,
    IMPORT_CONNECTIONS_MAX,
    MIGRATE_DAYS_MAX,
    MIXPANEL_REQUESTS_PER_HOUR,
)
from trackway.transfer.migration import Migration, Order, Progress
from trackway.transfer.mixpanel_source import REGIONS, Hosts, MixpanelSource, Pace, day_counts, hosts_of

_CONNECTIONS: Final = 2
_EXIT_DIFFERS: Final = 1
_POLL_S: Final = 1.0


class DayCounts(NamedTuple):
    """The events of a day: lines that the source exported, and what the reports of the source and of this server count.
    `source` is None where it does not answer."""

    day: str
    exported: int
    source: int | None
    here: int


@click.command()
@click.option("--from", "kind", type=click.Choice(["mixpanel"]), required=True, help="The kind of the source.")
@click.option("--project-id", required=True, help="The project there.")
@click.option("--username", envvar="MIXPANEL_USERNAME", required=True, help="A service account [MIXPANEL_USERNAME].")
@click.option("--secret", envvar="MIXPANEL_SECRET", help="Its secret; better by MIXPANEL_SECRET or a file.")
@click.option("--secret-file", type=click.Path(path_type=Path), help="A file with the secret.")
@click.option("--region", type=click.Choice(REGIONS), default="us", show_default=True, help="Where the project is.")
@click.option("--url", "source_url", metavar="URL", help="Another source with the same API, such as trackway.")
@click.option("--from-date", metavar="DATE", required=True, help="The first day of events.")
@click.option("--to-date", metavar="DATE", help="The last day of events. [default: today]")
@click.option("--time-zone", metavar="NAME", help="The zone that the source exports times in. [default: UTC]")
@click.option("--group", "groups", metavar="KEY=ID", multiple=True, help="Groups to copy: their key and its id there.")
@click.option("--lookup-table", "tables", metavar="NAME=FILE", multiple=True, help="The CSV of a lookup table.")
@click.option("--requests-per-hour", type=click.IntRange(0), default=MIXPANEL_REQUESTS_PER_HOUR, show_default=True)
@click.option("--project", "named", metavar="NAME", help="The project here. [default: the only one]")
@click.option("--rejected", metavar="FILE", help="Where rejected records go. [default: migration.rejected.ndjson]")
@click.option("--state", "state_dir", metavar="DIR", default=".", help="Where the progress is kept. [default: .]")
@click.option("--connections", type=click.IntRange(1, IMPORT_CONNECTIONS_MAX), default=_CONNECTIONS, show_default=True)
@settings_options("data_dir", "projects_url")
@click.option(
    "--to-url", "url", metavar="URL", help="The server here. [default: the one that runs on the data directory]"
)
@JSON
def migrate(
    kind: str,
    project_id: str,
    username: str,
    secret: str | None,
    secret_file: Path | None,
    region: str,
    source_url: str | None,
    from_date: str,
    to_date: str | None,
    time_zone: str | None,
    groups: Sequence[str],
    tables: Sequence[str],
    requests_per_hour: int,
    named: str | None,
    rejected: str | None,
    state_dir: str,
    connections: int,
    url: str | None,
    as_json: bool,
    **flags: Any,
) -> int:
    """Copy events, profiles and groups from a project of Mixpanel.

    Events come day by day, by the export API; interrupted, the same command continues. Lookup tables are made by name;
    the API does not give their rows, so name a CSV for each. At the end the numbers of events are compared by day.

    Exit codes: 0 all was copied and the numbers are equal; 1 otherwise; 2 a wrong argument.
    """
    server = server_of(load_flags(flags), named, url)
    key = _secret(secret, secret_file)
    days = _days(from_date, to_date)
    zone = _zone(time_zone)
    pairs, files = _pairs(groups, "group", "KEY=ID"), _pairs(tables, "lookup-table", "NAME=FILE")
    missing = [path for path in files.values() if not Path(path).is_file()]
    if missing:
        raise ConfigError(f"no file {missing[0]}")
    hosts = _hosts(region, source_url)
    directory = Path(state_dir)
    if not directory.is_dir():
        raise ConfigError(f"no directory {directory}: name one with --state")
    identity = [server.project.token, kind, project_id, hosts, from_date, sorted(pairs.items())]
    digest = sha256(json.dumps(identity).encode()).hexdigest()[:16]
    progress = Progress(directory / f".trackway-migrate-{digest}.json")
    progress.load()
    address = address_of(server)
    rejected_path = Path(rejected) if rejected else directory / "migration.rejected.ndjson"
    order = Order(
        address, server.project.token, days, pairs, zone, connections, rejected_path, packed=not address.is_near
    )
    stop = threading.Event()
    paces = tuple(Pace(requests_per_hour, progress.asked[name], stop, progress.save) for name in ("export", "query"))
    source = MixpanelSource(hosts, project_id, username, key, (paces[0], paces[1]))
    with closing(source):
        with _shown() as tell:
            Migration(order, source, progress, tell).run()
        made = _copy_tables(server, source, files)
        counts = _compare(server, source, days, progress)
    progress.remove()
    _report(progress, counts, made, rejected_path, as_json)
    differs = any(each.here != each.exported for each in counts)
    return _EXIT_DIFFERS if progress.rejected or differs else 0


def _secret(given: str | None, path: Path | None) -> str:
    if given and path:
        raise ConfigError("give the secret by --secret, MIXPANEL_SECRET or --secret-file, not by two of them")
    if path is not None:
        try:
            given = path.read_text().strip()
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    if not given:
        raise ConfigError("a secret is needed: MIXPANEL_SECRET, --secret-file or --secret")
    return given


def _days(from_date: str, to_date: str | None) -> list[date]:
    try:
        first = date.fromisoformat(from_date)
        last = date.fromisoformat(to_date) if to_date else datetime.now(UTC).date()
    except ValueError as error:
        raise ConfigError(f"a date must be as yyyy-mm-dd: {error}") from error
    if not 0 <= (last - first).days < MIGRATE_DAYS_MAX:
        raise ConfigError(f"from-date must be before to-date, and at most {MIGRATE_DAYS_MAX} days")
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError(f"no time zone is named {name[:64]!r}") from error


def _pairs(given: Sequence[str], option: str, form: str) -> dict[str, str]:
    found = {}
    for text in given:
        name, _, value = text.partition("=")
        if not name or not value or name in found:
            raise ConfigError(f"--{option} must be {form}, once for each name, not {text[:80]!r}")
        found[name] = value
    return found


def _hosts(region: str, url: str | None) -> Hosts:
    if url is None:
        return hosts_of(region)
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise ConfigError(f"url must begin with http:// or https://, not {url[:80]!r}")
    return Hosts(url, url, url)


def _copy_tables(server: Server, source: MixpanelSource, files: dict[str, str]) -> dict[str, bool]:
    """Make the lookup tables of the source here, and fill those that have a CSV. By name: whether it has rows."""
    names = source.lookup_tables()
    unknown = sorted(files.keys() - set(names))
    if unknown:
        raise StateError(f"the source has no lookup table {unknown[0]!r}; it has: {', '.join(names) or 'none'}")
    for name in names:
        [made] = server.ask("POST", "/lookup-tables", {"name": name})["results"]
        if name in files:
            path = f"/lookup-tables/{quote(made['id'], safe='')}"
            server.ask("PUT", path, body=Path(files[name]).read_bytes(), content_type="text/csv")
    return {name: name in files for name in names}


def _compare(server: Server, source: MixpanelSource, days: Sequence[date], progress: Progress) -> list[DayCounts]:
    """The numbers of each day, once this server has loaded what was sent, or does not load more."""
    first, last = days[0].isoformat(), days[-1].isoformat()
    there: dict[str, int] | None
    try:
        there = source.counts(first, last)
    except StateError as error:  # an account may export and not query; what was exported is known all the same
        click.echo(f"The source's own numbers are not known: {error}", err=True)
        there = None
    end_s = time.monotonic() + COMPARE_S_MAX
    counts: list[DayCounts] = []
    still_since_s = 0.0
    while True:
        before = counts
        here = day_counts(lambda path, parameters: server.ask("GET", path, parameters), first, last)
        counts = [
            DayCounts(day, lines, None if there is None else there.get(day, 0), here.get(day, 0))
            for day, lines in sorted(progress.days.items())
        ]
        now_s = time.monotonic()
        if counts != before:
            still_since_s = now_s
        # Where events are missing that this server accepted, the loader brings them yet.
        is_short = not progress.rejected and any(each.here < each.exported for each in counts)
        is_still = not is_short and now_s > still_since_s + COMPARE_STILL_S
        if all(each.here == each.exported for each in counts) or is_still or now_s > end_s:
            return counts
        time.sleep(_POLL_S)


def _report(
    progress: Progress, counts: list[DayCounts], tables: dict[str, bool], rejected_path: Path, as_json: bool
) -> None:
    rejected = progress.rejected.total()
    if as_json:
        found = {
            "imported": progress.imported,
            "rejected": rejected,
            "reasons": dict(progress.rejected.most_common()),
            "rejected_file": str(rejected_path) if rejected else None,
            "resumed": progress.resumed,
            "profiles": progress.pages,
            "lookup_tables": tables,
            "days": [each._asdict() for each in counts],
        }
        click.echo(json.dumps(found))
        return
    heads = ("Day", "Exported there", "Counted there", "Counted here", "")
    cells = [tuple("-" if cell is None else str(cell) for cell in each) for each in counts]
    print_table(
        heads,
        [(*row, "" if each.here == each.exported else "differs") for row, each in zip(cells, counts, strict=True)],
    )
    click.echo(f"{progress.imported} records were copied, {rejected} rejected.")
    for reason, number in progress.rejected.most_common():
        click.echo(f"{number:>9}  {reason}", err=True)
    for name in (name for name, has_rows in tables.items() if not has_rows):
        click.echo(f"The lookup table {name!r} is empty: its rows come with --lookup-table NAME=FILE", err=True)


@contextmanager
def _shown() -> Iterator[Callable[[str], object]]:
    """A line on a terminal for what is done."""
    from rich.console import Console  # noqa: PLC0415

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("copying") as status:
        yield lambda text: status.update(f"copied {text}")
