"""`python -m bench.cluster`, or `make bench-cluster`: a journal on three servers of NATS against one in files.

Both are measured in one run, in turn, with the same bodies: `/import` in batches of 2000, and `/track` with one event a
request. All servers of NATS run on this machine and sync to one disk, so three machines would do better. Every event
that was acknowledged must be stored once, as in the other benchmarks.
"""

import shutil
import tempfile
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

import click
from rich.console import Console
from rich.table import Table
from tests.support.journal.nats_cluster import nats_cluster

from bench.bodies import Bodies, make_bodies
from bench.figures import number_text
from bench.imports import Import, measure_import
from bench.plan import WORK_DIR, Plan
from bench.server import running
from bench.singles import Singles, measure_singles, provide_wrk
from trackway.journal.stream.address import parse_address
from trackway.journal.stream.setup import make_streams

FILES: Final = "files"
STREAM: Final = "stream"


class Measured(NamedTuple):
    """One round with one journal."""

    imports: Import
    singles: Singles


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rounds", type=click.IntRange(1, 50), default=3, show_default=True)
@click.option("--batches", type=click.IntRange(1, 10_000), default=100, show_default=True, help="In a round, of 2000.")
@click.option("--singles-s", type=click.IntRange(1, 600), default=5, show_default=True, help="Seconds of `/track`.")
@click.option("--work-dir", type=click.Path(path_type=Path), default=WORK_DIR, show_default=True)
def main(rounds: int, batches: int, singles_s: int, work_dir: Path) -> None:
    """Measure a server with a replicated journal beside one with a journal in files."""
    provide_wrk()
    plan = Plan(rounds=rounds, batches=batches, singles_s=singles_s, work_dir=work_dir)
    plan.work_dir.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="bench-", dir=plan.work_dir)).absolute()
    try:
        bodies = make_bodies(plan, work / "bodies")
        with nats_cluster(work / "nats", store_bytes=16 << 30) as nats:
            found: dict[str, list[Measured]] = {FILES: [], STREAM: []}
            for number in range(plan.rounds):
                for journal, measured in found.items():
                    click.echo(f"round {number + 1}, {journal}", err=True)
                    arguments: tuple[str, ...] = ()
                    if journal == STREAM:
                        make_streams(parse_address(nats.url), again=True, discard=True)
                        nats.leader()
                        arguments = ("--journal-url", nats.url)
                    measured.append(_measure(plan, bodies, work, arguments))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    _print(found)


def _measure(plan: Plan, bodies: Bodies, work: Path, arguments: tuple[str, ...]) -> Measured:
    data_dir = work / "data"
    with running(data_dir, arguments=arguments) as server:
        one, other = server.create_projects("imports", "singles")
        measured = Measured(measure_import(server, one, bodies, plan), measure_singles(server, other, plan, work))
    shutil.rmtree(data_dir)
    return measured


def _print(found: dict[str, list[Measured]]) -> None:
    table = Table("", "files", "stream", "stream ÷ files", "unit")
    for label, unit, value in (
        ("`/import`, acknowledged", "events/s", lambda each: each.imports.acknowledged_rate),
        ("`/import`, queryable", "events/s", lambda each: each.imports.queryable_rate),
        ("`/import`, time to reply, p99", "ms", lambda each: each.imports.reply_p99_s * 1000),
        ("`/track`, one event a request", "events/s", lambda each: each.singles.track_rate),
        ("`/track`, time to reply, p99", "ms", lambda each: each.singles.reply_p99_s * 1000),
    ):
        files, stream = (median(map(value, found[journal])) for journal in (FILES, STREAM))
        table.add_row(label, number_text(files), number_text(stream), number_text(stream / files), unit)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
