"""The results: one dictionary, as JSON for programs and as a table for people, on the screen and in the docs."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Literal

from rich.console import Console
from rich.table import Table

from bench.bodies import Bodies
from bench.figures import FIGURES, number_text, summarize, values_of
from bench.plan import Plan
from bench.questions import table as questions
from bench.questions.measure import Asked
from bench.questions.questions import QUESTIONS
from bench.rounds import Round

DOCUMENT: Final = Path("docs/benchmarks.md")
_HEADS: Final = ("", "Median", "Lowest - highest", "Unit", "Goal", "")


def results(
    plan: Plan,
    machine: Mapping[str, Any],
    bodies: Bodies,
    rounds: Sequence[Round],
    asked: Sequence[Asked],
    taken: str,
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
        "counts": [
            [count._asdict() for count in (*each.counts, *beside.counts)]
            for each, beside in zip(rounds, asked, strict=True)
        ],
        "figures": summarize([values_of(*each) for each in zip(rounds, asked, strict=True)]),
        "questions": {question.name: questions.times_of(question, asked) for question in QUESTIONS},
    }


def print_table(console: Console, found: Mapping[str, Any]) -> None:
    """Both tables and what they were taken on."""
    title = f"trackway {found['machine']['trackway']}, {_rounds(found)}"
    console.print(table(title, _HEADS, _rows(found)))
    console.print(table("questions, medians", questions.HEADS, questions.rows(found)))
    for line in _circumstances(found):
        console.print(line.replace("`", ""), highlight=False)


def write_document(found: Mapping[str, Any], path: Path = DOCUMENT) -> None:
    """Renew the results of the page. Raises ValueError when the page has lost their marks."""
    lines = [*markdown(_HEADS, _rows(found)), "", *markdown(questions.HEADS, questions.rows(found))]
    renew("results", [*lines, "", *(f"- {line}" for line in _circumstances(found))], path)


def renew(section: str, lines: Sequence[str], path: Path = DOCUMENT) -> None:
    """Renew the lines of a marked section of the page. Raises ValueError when the page has lost its marks."""
    begin, end = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    marked = re.compile(f"({re.escape(begin)}\\n).*({re.escape(end)})", re.DOTALL)
    text, renewed = marked.subn(lambda marks: marks[1] + "\n".join(lines) + "\n" + marks[2], path.read_text("utf-8"))
    if not renewed:
        raise ValueError(f"{path} has no section between '{begin}' and '{end}'")
    path.write_text(text, "utf-8")


def table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    made = Table(title=title)
    for head, justify in zip(heads, _justified(rows), strict=True):
        made.add_column(head, justify=justify, no_wrap=True)
    for row in rows:
        made.add_row(*(cell.replace("`", "") for cell in row))
    return made


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    marks = {"left": "---", "right": "--:"}
    return [
        f"| {' | '.join(heads)} |",
        f"|{'|'.join(marks[each] for each in _justified(rows))}|",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def _justified(rows: Sequence[Sequence[str]]) -> list[Literal["left", "right"]]:
    """Columns that begin with a digit are numbers."""
    return ["right" if cell[:1].isdigit() else "left" for cell in rows[0]]


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
        f"The questions are about {found['plan']['asked_events']:,} events of {found['plan']['asked_links']:,} linked "
        f"devices, beside DuckDB {machine['duckdb']}; both gave equal answers.",
    ]
