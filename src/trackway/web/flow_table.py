"""The answers of flows as tables: the events of each column, and the most frequent paths."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from trackway.edge.api.reports.flow_answers import DROPOFF, OTHER
from trackway.web.csv_table import Cell, sheet_text

LEFT: Final = "left"
OTHERS: Final = "other events"
_ARROW: Final = " → "


class Way(NamedTuple):
    """How many go on to a node of a later column: the numbers of its column and of its place there."""

    column: int
    place: int
    number: int


class Node(NamedTuple):
    """An event of a column. `is_event` is false for LEFT and OTHERS."""

    name: str
    is_event: bool
    is_left: bool
    number: int
    ways: Sequence[Way]


class Path(NamedTuple):
    """A path with its names, in order; LEFT is the last one where it ends before the last column."""

    names: Sequence[str]
    number: int


class FlowTable(NamedTuple):
    """`columns`: their titles and nodes, in order. `paths`: the most frequent ones. `entered`: all flows."""

    titles: Sequence[str]
    columns: Sequence[Sequence[Node]]
    paths: Sequence[Path]
    entered: int


def flow_table(graph: Mapping[str, Any], paths: Mapping[str, Any]) -> FlowTable:
    """The tables of two answers of `arb_funnels`: to a graph and to paths of flows with one event that they go
    through."""
    found = [Path([_name(step) for step in flow["flowSteps"]], int(flow["totalCount"])) for flow in paths["flows"]]
    return flow_columns(graph)._replace(paths=found)


def flow_columns(graph: Mapping[str, Any]) -> FlowTable:
    """The same of the graph alone, without paths."""
    steps = [step["nodes"] for step in graph["steps"]]
    places = [{(node["event"], node["type"]): place for place, node in enumerate(nodes)} for nodes in steps]
    columns = [
        [
            Node(
                _name(node),
                node["type"] not in (DROPOFF, "PRUNED"),
                node["type"] == DROPOFF,
                int(node["totalCount"]),
                [
                    Way(way["step"], places[way["step"]][way["event"], way["type"]], int(way["totalCount"]))
                    for way in node["edges"]
                ],
            )
            for node in nodes
        ]
        for nodes in steps
    ]
    return FlowTable(_titles(graph), columns, [], int(graph["metadata"]["totalCount"]))


def _titles(graph: Mapping[str, Any]) -> list[str]:
    """`2 before`, `1 before`, the event's name, `1 after` …; no name where there are no flows."""
    sides = [{node["anchorType"] for node in step["nodes"]} for step in graph["steps"]]
    at = next((number for number, side in enumerate(sides) if "NORMAL" in side), 0)
    event = next((str(node["event"]) for node in graph["steps"][at]["nodes"]), "")
    return [event if number == at else _beside(number - at) for number in range(len(sides))]


def _beside(distance: int) -> str:
    return f"{distance} after" if distance > 0 else f"{-distance} before"


def _name(node: Mapping[str, Any]) -> str:
    if node["type"] == DROPOFF:
        return LEFT
    return OTHERS if node["event"] == OTHER and node["type"] == "PRUNED" else str(node["event"])


def path_text(path: Path) -> str:
    """The names of a path as a reader sees them."""
    return _ARROW.join(path.names)


def csv_of_flows(table: FlowTable) -> str:
    """A line for each path: its number, its part of all, and its events in columns."""
    most = max((len(path.names) for path in table.paths), default=0)
    rows: list[list[Cell]] = [[path.number, path.number / table.entered, *path.names] for path in table.paths]
    return sheet_text(["flows", "part", *(f"event {number + 1}" for number in range(most))], rows)
