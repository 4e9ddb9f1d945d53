"""`python -m bench.cluster`, or `make bench-cluster`: a journal on three servers of NATS against one in files.

Both are measured in one run, in turn, with the same bodies: `/import` in batches of 2000, a backlog of the same, and
`/track` with one event a request; then the leader of a stream is killed, and another time frozen. All servers of NATS
run on this machine and sync to one disk, so three machines would do better. Every event that was acknowledged must be
stored once, as in the other benchmarks.
"""

import shutil
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
import orjson
from rich.console import Console
from tests.support.journal.nats_cluster import NatsCluster, nats_cluster

from bench.bodies import Bodies, make_bodies
from bench.cluster_figures import FILES, HEADS, STREAM, Measured, rows, summarize
from bench.journals import measure_backlog, measure_batches
from bench.machine import describe_machine
from bench.outages import Outage, measure_outage
from bench.plan import WORK_DIR, Plan
from bench.report import DOCUMENT, markdown, renew, table
from bench.server import Keys, Server, running
from bench.singles import measure_singles, provide_wrk
from trackway.journal.stream.address import parse_address
from trackway.journal.stream.setup import make_streams

_HANG: Final = ("--hang-s-max", "3600")
"""The loader is stopped while a backlog is made."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rounds", type=click.IntRange(1, 50), default=3, show_default=True)
@click.option("--batches", type=click.IntRange(1, 10_000), default=100, show_default=True, help="In a round, of 2000.")
@click.option("--partitions", type=click.IntRange(1, 64), default=1, show_default=True, help="Streams of the journal.")
@click.option("--singles-s", type=click.IntRange(1, 600), default=5, show_default=True, help="Seconds of `/track`.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Where the results go as JSON.")
@click.option("--work-dir", type=click.Path(path_type=Path), default=WORK_DIR, show_default=True)
@click.option("--write-docs", is_flag=True, help=f"Renew the results in {DOCUMENT}.")
def main(
    rounds: int,
    batches: int,
    partitions: int,
    singles_s: int,
    json_path: Path | None,
    work_dir: Path,
    write_docs: bool,
) -> None:
    """Measure a server with a replicated journal beside one with a journal in files."""
    plan = Plan(rounds=rounds, batches=batches, singles_s=singles_s, work_dir=work_dir)
    found = run(plan, partitions)
    Console(width=150).print(table(_title(found), HEADS, _rows(found)))
    for line in _circumstances(found):
        click.echo(line)
    path = json_path or work_dir / "bench-cluster.json"
    path.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    click.echo(f"results as JSON: {path}")
    if write_docs:
        section = "cluster" if partitions == 1 else "cluster of several streams"
        renew(section, [*markdown(HEADS, _rows(found)), "", *(f"- {line}" for line in _circumstances(found))])
        click.echo(f"renewed {DOCUMENT}")


def run(plan: Plan, partitions: int) -> dict[str, Any]:
    """All rounds; the results. Leaves nothing behind, also when it fails."""
    provide_wrk()
    plan.work_dir.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="bench-", dir=plan.work_dir)).absolute()
    found: dict[str, list[Measured]] = {FILES: [], STREAM: []}
    try:
        machine = describe_machine(work, plan.disk_s)
        bodies = make_bodies(plan, work / "bodies")
        with nats_cluster(work / "nats", store_bytes=16 << 30) as nats:
            for number in range(plan.rounds):
                for journal, measured in found.items():
                    click.echo(f"round {number + 1}, {journal}", err=True)
                    measured.append(_measure(plan, bodies, work, nats if journal == STREAM else None, partitions))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return {
        "taken": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine,
        "plan": {**asdict(plan), "work_dir": str(plan.work_dir)},
        "partitions": partitions,
        "figures": summarize(found),
        "replies": [
            {"killed": each.killed.replies, "frozen": each.frozen.replies}
            for each in found[STREAM]
            if each.killed and each.frozen
        ],
    }


def _measure(plan: Plan, bodies: Bodies, work: Path, nats: NatsCluster | None, partitions: int) -> Measured:
    data_dir = work / "data"
    arguments: tuple[str, ...] = _HANG
    if nats is not None:
        make_streams(parse_address(nats.url), partitions=partitions, again=True, discard=True)
        for number in range(partitions):
            nats.leader(f"TRACKWAY_{number}")
        arguments += ("--journal-url", nats.url)
    with running(data_dir, arguments=arguments) as server:
        measured = _measure_server(server, plan, bodies, work, nats, partitions)
    shutil.rmtree(data_dir)
    return measured


def _measure_server(
    server: Server, plan: Plan, bodies: Bodies, work: Path, nats: NatsCluster | None, partitions: int
) -> Measured:
    made = server.create_projects(*(f"{what} {number}" for what in _PROJECTS for number in range(partitions)))
    of = {what: made[place * partitions : (place + 1) * partitions] for place, what in enumerate(_PROJECTS)}

    def pids() -> list[int]:
        return nats.pids if nats else []

    return Measured(
        measure_batches(server, of["import"], bodies, plan, pids),
        measure_backlog(server, of["backlog"], bodies, plan, pids),
        measure_singles(server, of["singles"][0], plan, work),
        _killed(server, of["killed"], nats) if nats else None,
        _frozen(server, of["frozen"], nats) if nats else None,
    )


_PROJECTS: Final = ("import", "backlog", "singles", "killed", "frozen")


def _killed(server: Server, projects: list[Keys], nats: NatsCluster) -> Outage:
    leader = nats.leader()

    def back() -> None:
        nats.start(leader)
        nats.leader()

    return measure_outage(server, projects, lambda: nats.kill(leader), back)


def _frozen(server: Server, projects: list[Keys], nats: NatsCluster) -> Outage:
    leader = nats.leader()

    def back() -> None:
        nats.thaw(leader)
        nats.leader()

    return measure_outage(server, projects, lambda: nats.freeze(leader), back)


def _rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    return rows(found["figures"])


def _title(found: dict[str, Any]) -> str:
    plan = found["plan"]
    events = plan["batches"] * 2000
    streams = "one stream" if found["partitions"] == 1 else f"{found['partitions']} streams"
    rounds = "1 round" if plan["rounds"] == 1 else f"{plan['rounds']} rounds"
    return f"{streams}, {rounds} of {events:,} browser events"


def _circumstances(found: dict[str, Any]) -> list[str]:
    machine = found["machine"]
    replies = [f"killed {each['killed']}, frozen {each['frozen']}" for each in found["replies"]]
    return [
        f"{found['taken']}: {_title(found)}; trackway {machine['trackway']}.",
        f"{machine['cores']} cores of {machine['processor']}, load average before the run "
        f"{machine['load_average_before']}; {machine['appends_with_fsync_per_s']:,} appends of 4 KiB with fsync a "
        "second.",
        f"Replies of the outages, by round: {'; '.join(replies)}.",
        "Every event acknowledged was found once in the export, in every round.",
    ]


if __name__ == "__main__":
    main()
