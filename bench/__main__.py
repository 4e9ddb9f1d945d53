"""`python -m bench`, or `make bench`: run the plan and print the table."""

import shutil
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console

from bench.bodies import make_bodies
from bench.identity import measure_resolving
from bench.machine import describe_machine
from bench.plan import WORK_DIR, Kind, Plan, quick
from bench.questions.measure import measure_questions
from bench.report import DOCUMENT, print_table, results, write_document
from bench.rounds import measure_round
from bench.singles import provide_wrk


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--events", "kind", type=click.Choice(["browser", "server"]), default="browser", show_default=True)
@click.option("--rounds", type=click.IntRange(1, 50), help=f"Rounds. [default: {Plan().rounds}]")
@click.option(
    "--batches", type=click.IntRange(1, 10_000), help=f"Batches of 2000 in a round. [default: {Plan().batches}]"
)
@click.option("--quick", "is_quick", is_flag=True, help="One small round: shows that all works, measures nothing.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Where the results go as JSON.")
@click.option("--work-dir", type=click.Path(path_type=Path), default=WORK_DIR, show_default=True)
@click.option("--write-docs", is_flag=True, help=f"Renew the results in {DOCUMENT}.")
def main(
    kind: Kind,
    rounds: int | None,
    batches: int | None,
    is_quick: bool,
    json_path: Path | None,
    work_dir: Path,
    write_docs: bool,
) -> None:
    """Measure a real server on this machine and print one table.

    --work-dir is where data directories are made and removed: it must lie on the disk that is to be measured.
    """
    if write_docs and is_quick:
        raise click.UsageError("--write-docs needs a whole run, not --quick")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that servers are stopped, too
    plan = quick(kind, work_dir) if is_quick else Plan(kind=kind, work_dir=work_dir)
    plan = replace(plan, rounds=rounds or plan.rounds, batches=batches or plan.batches)
    found = run(plan)
    print_table(Console(width=None if sys.stdout.isatty() else 140), found)
    path = json_path or work_dir / "bench.json"
    path.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    click.echo(f"results as JSON: {path}")
    if write_docs:
        write_document(found)
        click.echo(f"renewed {DOCUMENT}")


def run(plan: Plan) -> dict[str, Any]:
    """All rounds of a plan; the results. Leaves nothing behind, also when it fails."""
    provide_wrk()
    plan.work_dir.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="bench-", dir=plan.work_dir)).absolute()
    began_s = time.monotonic()

    def tell(what: str) -> None:
        click.echo(f"{time.monotonic() - began_s:6.1f} s  {what}", err=True)

    try:
        tell("disk and processor")
        machine = describe_machine(work, plan.disk_s)
        tell(f"making {plan.events:,} events")
        bodies = make_bodies(plan, work / "bodies")
        tell(f"resolving ids of {plan.resolved_events:,} events")
        resolving = measure_resolving(plan, work)
        measured = []
        for number in range(1, plan.rounds + 1):
            tell(f"round {number} of {plan.rounds}")
            measured.append(measure_round(plan, bodies, work, tell, resolving[number - 1]))
        rate = statistics.median(each.imports.queryable_rate for each in measured) / 2
        asked = measure_questions(plan, work, tell, bodies, rate)
        tell("done")
    finally:
        shutil.rmtree(work)
    return results(plan, machine, bodies, measured, asked, f"{datetime.now(UTC):%Y-%m-%d}")


if __name__ == "__main__":
    main()
