"""The times of the questions as a table: medians in seconds, and the ratios that count."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bench.questions.measure import Asked
from bench.questions.questions import QUESTIONS, Question

HEADS: Final = (
    "Question", "DuckDB, s", "trackway, s", "÷ DuckDB", "plain statement, s", "÷ plain", "with 5 % newer, s"
)  # fmt: skip


def times_of(question: Question, rounds: Sequence[Asked]) -> dict[str, Any]:
    """Seconds of every round, for the results as JSON."""
    name = question.name
    return {
        "label": question.label,
        "duckdb_s": [each.settled.times[name].prepared_s for each in rounds],
        "trackway_s": [each.settled.times[name].asked_s for each in rounds],
        "plain_s": [each.plain[name].asked_s for each in rounds],
        "newest_s": [each.newest.times[name].asked_s for each in rounds],
    }


def rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A row for each question, from the results."""
    return [_row(found["questions"][question.name]) for question in QUESTIONS]


def _row(times: Mapping[str, Any]) -> tuple[str, ...]:
    duckdb_s, trackway_s, plain_s, newest_s = (
        statistics.median(times[name]) for name in ("duckdb_s", "trackway_s", "plain_s", "newest_s")
    )
    beside_duckdb = (f"{duckdb_s:.3f}", f"{trackway_s:.3f}", f"{trackway_s / duckdb_s:.2f}")
    return (times["label"], *beside_duckdb, f"{plain_s:.2f}", f"{trackway_s / plain_s:.3f}", f"{newest_s:.3f}")
