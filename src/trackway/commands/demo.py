"""`trackway demo`: fills a project with the demo shop, by the public API. Asks the running server."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

from trackway.commands.demo_shop import Shop, demo_shop
from trackway.commands.limits import DEMO_DAYS_MAX, DEMO_PEOPLE_MAX
from trackway.commands.options import JSON, load_flags, settings_options
from trackway.commands.running_server import URL, Server, server_of
from trackway.domain.errors import ConfigError, StateError
from trackway.domain.identity_mode import SIMPLIFIED
from trackway.domain.limits import RECORDS_PER_REQUEST_MAX

_DAYS: Final = 90
_PEOPLE: Final = 1000


@click.command()
@click.option("--project", "named", metavar="NAME", required=True, help="The project; use one for the demo alone.")
@click.option("--days", type=click.IntRange(1, DEMO_DAYS_MAX), default=_DAYS, show_default=True)
@click.option("--people", type=click.IntRange(1, DEMO_PEOPLE_MAX), default=_PEOPLE, show_default=True)
@click.option("--seed", type=click.IntRange(0, 2**31), default=1, show_default=True, help="Another seed, another shop.")
@settings_options("data_dir", "projects_url")
@URL
@JSON
def demo(named: str, days: int, people: int, seed: int, url: str | None, as_json: bool, **flags: Any) -> None:
    """Fill a project with a made-up online shop.

    People come by campaigns, sign up, link a second device, buy and come back, in the last DAYS days until now. Run it
    once: the events cannot be removed again. The same seed on the same day makes the same events, which are stored
    once.
    """
    server = server_of(load_flags(flags), named, url)
    if server.project.identity_mode != SIMPLIFIED:
        raise ConfigError(f"the demo needs a project of identity mode {SIMPLIFIED}")
    now = datetime.now(UTC)
    shop = demo_shop(seed, people, now.date() - timedelta(days=days - 1), days)
    happened = Shop([event for event in shop.events if event.time_ms <= now.timestamp() * 1000], shop.profiles)
    _send(server, happened)
    sent = {"events": len(happened.events), "profiles": len(happened.profiles)}
    click.echo(json.dumps(sent) if as_json else f"{sent['events']} events and {sent['profiles']} profiles were sent.")


def _send(server: Server, shop: Shop) -> None:
    """Import the events in the order of time, then set the profiles. Raises StateError for a refusal."""
    events = [
        {"event": name, "properties": properties | {"time": time_ms}} for time_ms, name, properties in shop.events
    ]
    updates = [
        {"$token": server.project.token, "$distinct_id": distinct_id, "$set": properties}
        for distinct_id, properties in shop.profiles.items()
    ]
    with _bar(len(events) + len(updates)) as advance:
        for batch in _batches(events):
            server.ask("POST", "/import", {"strict": "1"}, json.dumps(batch).encode())
            advance(len(batch))
        for batch in _batches(updates):
            answer = server.ask("POST", "/engage", {"verbose": "1"}, json.dumps(batch).encode())
            if answer["status"] != 1:
                raise StateError(f"server refused profiles: {answer['error']}")
            advance(len(batch))


def _batches(records: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    for begin in range(0, len(records), RECORDS_PER_REQUEST_MAX):
        yield records[begin : begin + RECORDS_PER_REQUEST_MAX]


@contextmanager
def _bar(records: int) -> Iterator[Any]:
    """A bar that shows on a terminal how many records were sent."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("sending", total=records)
        yield lambda number: progress.advance(task, number)
