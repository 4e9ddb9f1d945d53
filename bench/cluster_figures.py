"""The figures of a replicated journal beside one in files, with their goals: of the quotient, or of the stream alone.

A quotient is that of the medians of both. Files have no outage of NATS, so there the first column is empty.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from bench.figures import number_text
from bench.journals import KINDS, Backlog, Batches
from bench.outages import Outage
from bench.singles import Singles

FILES: Final = "files"
STREAM: Final = "stream"
HEADS: Final = ("", "files", "stream", "stream ÷ files", "Unit", "Goal", "")


class Measured(NamedTuple):
    """One round with one journal. `killed` and `frozen`: of a stream alone."""

    batches: Batches
    backlog: Backlog
    singles: Singles
    killed: Outage | None
    frozen: Outage | None


class Pair(NamedTuple):
    """A row. `value`: of one round, none where the journal has none. A goal is a bound of the quotient, or
    (`most`) of the stream's value."""

    name: str
    label: str
    unit: str
    value: Callable[[Measured], float | None]
    ratio_at_least: float | None = None
    ratio_at_most: float | None = None
    most: float | None = None

    @property
    def goal(self) -> str:
        if self.ratio_at_least is not None:
            return f"≥ {self.ratio_at_least:g} ×"
        if self.ratio_at_most is not None:
            return f"≤ {self.ratio_at_most:g} ×"
        return f"≤ {self.most:g} {self.unit}" if self.most is not None else ""

    def reached(self, stream: float, ratio: float | None) -> bool | None:
        """Whether the goal is reached; none without one."""
        if self.ratio_at_least is not None:
            return ratio is not None and ratio >= self.ratio_at_least
        if self.ratio_at_most is not None:
            return ratio is not None and ratio <= self.ratio_at_most
        return stream <= self.most if self.most is not None else None


def _spent(label: str, kind: str) -> Pair:
    return Pair(f"spent_{kind}_us", label, "µs an event", lambda each: each.batches.spent_us[kind])


PAIRS: Final = (
    Pair(
        "acknowledged_rate",
        "`/import`, acknowledged",
        "events/s",
        lambda each: each.batches.acknowledged_rate,
        ratio_at_least=0.75,
    ),
    Pair(
        "queryable_rate",
        "`/import`, queryable",
        "events/s",
        lambda each: each.batches.queryable_rate,
        ratio_at_least=0.9,
    ),
    Pair("reply_p99_ms", "`/import`, time to reply, p99", "ms", lambda each: each.batches.reply_p99_s * 1e3),
    _spent("processor time of the edges", "edge"),
    _spent("of the loader", "loader"),
    _spent("of the store", "store"),
    _spent("of the three servers of NATS", "nodes"),
    Pair(
        "spent_own_us",
        "of edges, loader and store together",
        "µs an event",
        lambda each: sum(each.batches.spent_us[kind] for kind in KINDS if kind != "nodes"),
    ),
    Pair(
        "backlog_rate",
        "a backlog, loaded while the edges are idle",
        "events/s",
        lambda each: each.backlog.rate,
        ratio_at_least=0.9,
    ),
    Pair(
        "backlog_loader_us",
        "the same, processor time of the loader",
        "µs an event",
        lambda each: each.backlog.spent_us["loader"],
    ),
    Pair("track_rate", "`/track`, one event a request", "events/s", lambda each: each.singles.track_rate),
    Pair(
        "track_reply_p99_ms",
        "`/track`, time to reply, p99, 64 connections",
        "ms",
        lambda each: each.singles.reply_p99_s * 1e3,
        ratio_at_most=5,
    ),
    Pair(
        "killed_wait_s",
        "a leader is killed: longest wait for a 200",
        "s",
        lambda each: each.killed.longest_s if each.killed else None,
        most=10,
    ),
    Pair(
        "frozen_wait_s",
        "a leader is frozen: longest wait for a 200",
        "s",
        lambda each: each.frozen.longest_s if each.frozen else None,
        most=15,
    ),
    Pair(
        "later",
        "meanwhile answered 503 with `Retry-After`",
        "replies",
        lambda each: each.killed.refused + each.frozen.refused if each.killed and each.frozen else None,
    ),
    Pair(
        "wrong",
        "meanwhile answered otherwise than 200 or that",
        "replies",
        lambda each: each.killed.wrong + each.frozen.wrong if each.killed and each.frozen else None,
        most=0,
    ),
)


def summarize(found: Mapping[str, Sequence[Measured]]) -> dict[str, dict[str, Any]]:
    """By name: all values of both journals, their medians and the quotient, and whether the goal is reached."""
    return {pair.name: _summary(pair, found) for pair in PAIRS}


def _summary(pair: Pair, found: Mapping[str, Sequence[Measured]]) -> dict[str, Any]:
    files, stream = ([pair.value(each) for each in found[journal]] for journal in (FILES, STREAM))
    files_median, stream_median = _median(files), _median(stream)
    assert stream_median is not None, "a stream has every figure"
    ratio = stream_median / files_median if files_median else None
    return {
        "unit": pair.unit,
        "files": files_median,
        "stream": stream_median,
        "ratio": ratio,
        "files_values": files,
        "stream_values": stream,
        "goal": pair.goal,
        "reached": pair.reached(stream_median, ratio),
    }


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def rows(figures: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """The table, as texts."""
    return [
        (
            pair.label,
            *(_text(figures[pair.name][column]) for column in ("files", "stream", "ratio")),
            pair.unit,
            pair.goal,
            {True: "reached", False: "**missed**", None: ""}[figures[pair.name]["reached"]],
        )
        for pair in PAIRS
    ]


def _text(value: float | None) -> str:
    return "" if value is None else number_text(value)
