"""Flows in the form in which the API answers them."""

from typing import Any

from trackway.edge.api.reports.flow_answers import graph, top_paths
from trackway.query.reports.flow import Side
from trackway.query.reports.flows import Flows

SIDES = [Side.BEFORE, Side.ANCHOR, Side.AFTER, Side.AFTER]


def answers(paths: dict[tuple[tuple[int, str], ...], int], shown_max: int = 3) -> tuple[Any, Any]:
    """The answers to a graph and to paths: one event before the event in column 1, and two after it."""
    flows = Flows(keeps_graph=True, keeps_paths=True)
    for path, number in paths.items():
        for _ in range(number):
            flows.add(path, is_whole=True)
    total = {"metadata": {"totalCount": str(flows.entered)}}
    return {"steps": graph(flows, SIDES, shown_max), **total}, {"flows": top_paths(flows, SIDES, 9), **total}
