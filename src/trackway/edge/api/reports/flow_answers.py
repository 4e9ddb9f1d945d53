"""The answers of flows: a graph of columns, the most frequent paths, or a tree. Counts are texts, as clients read them.

A flow that ends before the last column goes on as DROPOFF, in each column after its last event in a graph. What is
beyond the number of shown events is OTHER.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from trackway.domain.errors import RequestError
from trackway.edge.limits import FLOW_TREE_NODES_MAX
from trackway.query.reports.flow import Shown, Side
from trackway.query.reports.flows import Flows

DROPOFF: Final = "DROPOFF"
OTHER: Final = "$other"
_ANCHOR, _NORMAL, _PRUNED = "ANCHOR", "NORMAL", "PRUNED"
_ORDER: Final = (_ANCHOR, _NORMAL, _PRUNED, DROPOFF)
_BESIDE: Final = {Side.BEFORE: "RELATIVE_REVERSE", Side.ANCHOR: "NORMAL", Side.AFTER: "RELATIVE_FORWARD"}

Node = tuple[int, str, str]
"""A column, the name of an event, and the type of a node."""


def graph(found: Flows, sides: Sequence[Side], shown_max: int) -> list[dict[str, Any]]:
    """The columns, with nodes and their edges to later columns."""
    nodes, edges = Counter[Node](), Counter[tuple[Node, Node]]()
    named = _named(found.nodes, sides, shown_max)
    for event, count in found.nodes.items():
        nodes[named[event]] += count
    for (begin, end), count in found.edges.items():
        edges[named[begin], named[end]] += count
    for event, count in found.ends.items():
        for column in range(event[0], len(sides) - 1):
            dropped = (column + 1, DROPOFF, DROPOFF)
            nodes[dropped] += count
            edges[named[event] if column == event[0] else (column, DROPOFF, DROPOFF), dropped] += count
    ways: dict[Node, dict[Node, int]] = {}
    for (node, following), count in edges.items():
        ways.setdefault(node, {})[following] = count
    columns: list[dict[Node, int]] = [{} for _ in sides]
    for node, count in nodes.items():
        columns[node[0]][node] = count
    return [{"nodes": [_node(*each, sides, ways) for each in _sorted(column)]} for column in columns]


def _node(node: Node, count: int, sides: Sequence[Side], ways: Mapping[Node, Mapping[Node, int]]) -> dict[str, Any]:
    edges = [
        {"event": end[1], "type": end[2], "step": end[0], "totalCount": str(number)}
        for end, number in sorted(ways.get(node, {}).items(), key=lambda way: (way[0][0], _rank(*way)))
    ]
    shown = _step(node, sides) | {"totalCount": str(count), "isCustomEvent": False, "conversionRateChange": None}
    return shown | {"edges": edges}


def _step(node: Node, sides: Sequence[Side]) -> dict[str, Any]:
    column, event, kind = node
    return {"event": event, "type": kind, "anchorType": _BESIDE[sides[column]]}


def _named(counts: Mapping[tuple[int, str], int], sides: Sequence[Side], shown_max: int) -> dict[tuple[int, str], Node]:
    """The node of each event: in each column those with the highest counts have one each, the others one together."""
    columns: list[dict[tuple[int, str], int]] = [{} for _ in sides]
    for event, count in counts.items():
        columns[event[0]][event] = count
    found = {}
    for column, events in enumerate(columns):
        kind = _ANCHOR if sides[column] is Side.ANCHOR else _NORMAL
        for place, event in enumerate(sorted(events, key=lambda each: (-events[each], each[1]))):
            found[event] = (column, event[1], kind) if place < shown_max else (column, OTHER, _PRUNED)
    return found


def _sorted(nodes: Mapping[Node, int]) -> list[tuple[Node, int]]:
    return sorted(nodes.items(), key=lambda each: _rank(*each))


def _rank(node: Node, count: int) -> tuple[int, int, str]:
    """Events by their counts, then by name; OTHER and DROPOFF last."""
    return _ORDER.index(node[2]), -count, node[1]


def top_paths(found: Flows, sides: Sequence[Side], shown_max: int) -> list[dict[str, Any]]:
    """The paths with the highest counts."""
    best = sorted(found.paths.items(), key=lambda each: (-each[1], each[0]))[:shown_max]
    return [{"flowSteps": _path(path, str(count), sides), "totalCount": str(count)} for path, count in best]


def _path(path: Shown, count: str, sides: Sequence[Side]) -> list[dict[str, Any]]:
    nodes = [(column, event, _kind(column, sides)) for column, event in path]
    if nodes[-1][0] + 1 < len(sides):
        nodes.append((nodes[-1][0] + 1, DROPOFF, DROPOFF))
    return [_step(node, sides) | {"stepNumber": node[0], "totalCount": count} for node in nodes]


def _kind(column: int, sides: Sequence[Side]) -> str:
    return _ANCHOR if sides[column] is Side.ANCHOR else _NORMAL


@dataclass(slots=True)
class _Branch:
    """Flows that begin with the same events. `ended`: those that end here before the last column."""

    total: int = 0
    ended: int = 0
    children: dict[tuple[int, str], "_Branch"] = field(default_factory=dict)


def tree(found: Flows, sides: Sequence[Side], shown_max: int) -> list[dict[str, Any]]:
    """One tree, whose root is no event; none where there are no flows. Raises RequestError 400 for too many nodes."""
    if not found.paths:
        return []
    root = _Branch()
    for path, count in found.paths.items():
        branch = root
        branch.total += count
        for step in path:
            branch = branch.children.setdefault(step, _Branch())
            branch.total += count
        branch.ended += count if path[-1][0] + 1 < len(sides) else 0
    return [{"root": _Tree(sides, shown_max).shown(None, root, -1)}]


class _Tree:
    """Shows branches, FLOW_TREE_NODES_MAX at most."""

    def __init__(self, sides: Sequence[Side], shown_max: int) -> None:
        self._sides, self._shown_max, self._room = sides, shown_max, FLOW_TREE_NODES_MAX

    def shown(self, node: Node | None, branch: _Branch, column: int) -> dict[str, Any]:
        """A node and all nodes below it."""
        self._room -= 1
        if self._room < 0:
            raise RequestError(
                400, f"cardinality_threshold: the tree has more than {FLOW_TREE_NODES_MAX} nodes: choose a lower one"
            )
        step = None
        if node is not None:
            step = _step(node, self._sides) | {"stepNumber": column, "isComputed": False}
        return {
            "step": step,
            "totalCount": str(branch.total),
            "dropOffTotalCount": str(branch.ended),
            "convertedTotalCount": str(branch.total - branch.ended),
            "timePercentilesFromStart": None,
            "timePercentilesFromPrev": None,
            "children": [] if node is not None and node[2] == DROPOFF else self._children(branch, column),
        }

    def _children(self, branch: _Branch, column: int) -> list[dict[str, Any]]:
        ordered = sorted(branch.children.items(), key=lambda each: (-each[1].total, each[0]))
        shown = [
            self.shown((at, event, _kind(at, self._sides)), own, at) for (at, event), own in ordered[: self._shown_max]
        ]
        others = ordered[self._shown_max :]
        if others:
            at, total = min(at for (at, _), _ in others), sum(own.total for _, own in others)
            shown.append(self.shown((at, OTHER, _PRUNED), _Branch(total), at))
        if branch.ended:
            shown.append(self.shown((column + 1, DROPOFF, DROPOFF), _Branch(branch.ended, branch.ended), column + 1))
        return shown
