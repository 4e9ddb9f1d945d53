"""Flows: which events persons have before and after an event (docs/reports.md).

The store gives the events of each person in their order, and threads follow the persons, block by block.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from trackway.domain.errors import RequestError
from trackway.query.limits import FLOW_NUMBERS_MAX
from trackway.query.reports.flow import FlowQuestion, Shown
from trackway.query.reports.flow_events import flow_events
from trackway.query.reports.flow_person import FlowReader, PersonEvents
from trackway.query.reports.run import Run


class Flows:
    """The numbers of flows. `entered`: all; `converted`: those that reach the last anchor.

    Memory grows with different paths where these are kept, and with different pairs of neighbours for a graph.
    """

    def __init__(self, *, keeps_graph: bool, keeps_paths: bool) -> None:
        self._keeps_graph, self._keeps_paths = keeps_graph, keeps_paths
        self.entered = self.converted = 0
        self.paths: Counter[Shown] = Counter()
        self.nodes: Counter[tuple[int, str]] = Counter()
        """By column and event."""
        self.edges: Counter[tuple[tuple[int, str], tuple[int, str]]] = Counter()
        """By an event and the next one that is shown."""
        self.ends: Counter[tuple[int, str]] = Counter()
        """By the last event that is shown."""

    def add(self, shown: Shown, *, is_whole: bool) -> None:
        """Count a flow. Raises RequestError 400 where there are too many different ones."""
        self.entered += 1
        self.converted += is_whole
        if self._keeps_paths:
            self.paths[shown] += 1
        if self._keeps_graph:
            self.nodes.update(shown)
            self.edges.update(pairwise(shown))
            self.ends[shown[-1]] += 1
        if max(len(self.paths), len(self.edges)) > FLOW_NUMBERS_MAX:
            raise RequestError(
                400,
                f"steps: flows have more than {FLOW_NUMBERS_MAX} different paths: choose fewer events beside steps",
            )


async def follow(run: Run, asked: FlowQuestion, *, keeps_graph: bool, keeps_paths: bool) -> Flows:
    """The flows of all persons. Raises StoreError, ExpressionError for expressions whose SQL is too large, and
    RequestError 400 for too many different paths."""
    followed = _Followed(asked, Flows(keeps_graph=keeps_graph, keeps_paths=keeps_paths))
    async with run.blocks(flow_events(asked, await run.known())) as blocks:
        async for rows in blocks:
            await asyncio.to_thread(followed.add, rows)
    return await asyncio.to_thread(followed.all)


class _Followed:
    """Takes the rows of `flow_events` in parts."""

    def __init__(self, asked: FlowQuestion, flows: Flows) -> None:
        self._reader, self._flows, self._anchors = FlowReader(asked), flows, len(asked.anchors)
        self._who, self._events = 0, PersonEvents()

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add rows; the last person may go on in the next ones."""
        for who, time_ms, name, bits, meets in rows:
            if who != self._who:
                self._count()
                self._who, self._events = who, PersonEvents()
            self._events.add(time_ms, name, bits, meets=bool(meets))

    def all(self) -> Flows:
        """The numbers after the last row."""
        self._count()
        self._events = PersonEvents()
        return self._flows

    def _count(self) -> None:
        for flow in self._reader.flows(self._events):
            self._flows.add(flow.shown, is_whole=flow.anchors == self._anchors)
