"""Flows in the form in which the API answers them."""

from collections import Counter
from typing import Any

from trackway.edge.api.reports.flow_answers import graph, top_paths
from trackway.query.reports.flow import Side
from trackway.query.reports.flows import Flows

SIDES = [Side.BEFORE, Side.ANCHOR, Side.AFTER, Side.AFTER]


def answers(paths: dict[tuple[tuple[int, str], ...], int], shown_max: int = 3) -> tuple[Any, Any]:
    """The answers to a graph and to paths: one event before the event in column 1, and two after it."""
    found = []
    for keeps_paths in (False, True):
        flows = Flows(keeps_paths=keeps_paths)
        for path, number in Counter(paths).items():
            for _ in range(number):
                flows.add(path, is_whole=True)
        found.append(flows)
    total = {"metadata": {"totalCount": str(found[0].entered)}}
    return {"steps": graph(found[0], SIDES, shown_max), **total}, {"flows": top_paths(found[1], SIDES, 9), **total}
