"""The results: one dictionary, as JSON for programs and as a table for people, on the screen and in the docs."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench.bodies import Bodies
from bench.figures import FIGURES, number_text, summarize, values_of
from bench.plan import Plan
from bench.rounds import Round

DOCUMENT: Final = Path("docs/benchmarks.md")
_SECTION: Final = re.compile(r"(<!-- results: begin -->\n).*(<!-- results: end -->)", re.DOTALL)
_HEADS: Final = ("", "Median", "Lowest - highest", "Unit", "Goal", "")


def results(
    plan: Plan, machine: Mapping[str, Any], bodies: Bodies, rounds: Sequence[Round], taken: str
) -> dict[str, Any]:
    """Everything that is known of a run."""
    return {
        "taken": taken,
        "machine": machine,
        "plan": {**asdict(plan), "work_dir": str(plan.work_dir)},
        "events": {
            "kind": plan.kind,
            "count": bodies.events,
            "bytes_per_event": bodies.plain_bytes / bodies.events,
            "gzip_bytes_per_event": bodies.gzip_bytes / bodies.events,
        },
        "counts": [[count._asdict() for count in each.counts] for each in rounds],
        "figures": summarize([values_of(each) for each in rounds]),
    }


def print_table(console: Console, found: Mapping[str, Any]) -> None:
    """The table and what it was taken on."""
    table = Table(title=f"trackway {found['machine']['trackway']}, {_rounds(found)}")
    for index, head in enumerate(_HEADS):
        table.add_column(head, justify="right" if index in (1, 2) else "left", no_wrap=True)
    for row in _rows(found):
        table.add_row(*(cell.replace("`", "") for cell in row))
    console.print(table)
    for line in _circumstances(found):
        console.print(line.replace("`", ""), highlight=False)


def write_document(found: Mapping[str, Any], path: Path = DOCUMENT) -> None:
    """Renew the marked section of the page. Raises ValueError when the page has lost its marks."""
    lines = ["| " + " | ".join(_HEADS) + " |", "|---|--:|--:|---|---|---|"]
    lines += ["| " + " | ".join(row) + " |" for row in _rows(found)]
    lines += ["", *(f"- {line}" for line in _circumstances(found))]
    text, renewed = _SECTION.subn(lambda marks: marks[1] + "\n".join(lines) + "\n" + marks[2], path.read_text("utf-8"))
    if not renewed:
        raise ValueError(f"{path} has no section between '<!-- results: begin -->' and '<!-- results: end -->'")
    path.write_text(text, "utf-8")


def _rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for figure in FIGURES:
        summary = found["figures"][figure.name]
        verdict = {True: "reached", False: "**missed**", None: ""}[summary["reached"]]
        spread = f"{number_text(summary['lowest'])} - {number_text(summary['highest'])}"
        rows.append((figure.label, number_text(summary["median"]), spread, figure.unit, summary["goal"], verdict))
    return rows


def _rounds(found: Mapping[str, Any]) -> str:
    count = found["plan"]["rounds"]
    return f"{count} round{'' if count == 1 else 's'}"


def _circumstances(found: Mapping[str, Any]) -> list[str]:
    machine, events = found["machine"], found["events"]
    return [
        f"{found['taken']}: {_rounds(found)} of {events['count']:,} `{events['kind']}` events, "
        f"{events['bytes_per_event']:.0f} bytes each as JSON, {events['gzip_bytes_per_event']:.0f} in gzip.",
        f"{machine['cores']} cores of {machine['processor']}, {machine['memory_bytes'] / 2**30:.0f} GiB of memory, "
        f"{machine['kernel']}, Python {machine['python']}, trackway {machine['trackway']}.",
        f"Disk: {machine['appends_with_fsync_per_s']:,} appends of 4 KiB with fsync a second, "
        f"{machine['prepared_writes_with_fdatasync_per_s']:,} into prepared space with fdatasync.",
        f"Load average before the run: {machine['load_average_before']}. The load generators ran on the same cores.",
        "Every event acknowledged was found once in the export, in every round.",
    ]
