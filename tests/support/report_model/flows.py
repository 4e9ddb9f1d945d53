"""`arb_funnels`: which events persons have before and after an event."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import groupby, pairwise
from typing import Any, NamedTuple

from tests.support.report_model.clock import DAY, Clock
from tests.support.report_model.funnel_tries import Funnel, Matches, Try, tries
from tests.support.report_model.measures import grouped
from tests.support.report_model.project_events import NO_PERSON, Event, ProjectEvents, property_of

DAYS_OF = {"day": 1, "week": 7, "month": 30}
DAY_MS = 86_400_000
DROPOFF = "DROPOFF"
NO_PART_OF_SESSIONS = ("$identify", "$create_alias", "$merge")

Place = tuple[int, str]
"""A column, and the event in it."""


class Column(NamedTuple):
    """`anchor`: the number of the anchor; `beside`: what the column is to it."""

    anchor: int
    beside: str


class Question(NamedTuple):
    """A bookmark, and its columns."""

    asked: Mapping[str, Any]
    columns: Sequence[Column]

    @property
    def steps(self) -> Sequence[Mapping[str, Any]]:
        return list(self.asked["steps"])


def flows(project: ProjectEvents, *, bookmark: Mapping[str, Any], query_type: str) -> dict[str, Any]:
    """The graph, the most frequent paths, or the tree."""
    question = Question(bookmark, list(_columns(bookmark["steps"])))
    found = [
        path
        for events in _by_person(project, bookmark)
        for one in _tries(project.clock, bookmark, events)
        if (path := _path(question, one.events, one.reached)) is not None
    ]
    paths = Counter(path for path, _ in found)
    last = len(question.columns) - 1
    most = bookmark["cardinality_threshold"]
    converted = sum(reached == len(question.steps) for _, reached in found)
    return {
        "steps": _graph(question, paths, most) if query_type == "flows_sankey" else [],
        "flows": _top(question, paths, most) if query_type == "flows_top_paths" else [],
        "trees": [{"root": _tree(question, None, paths, 0, most, last)}] if query_type == "flows" and paths else [],
        "breakdowns": [],
        "overallConversionRate": converted / len(found) if found else 0.0,
        "metadata": {"totalCount": str(len(found)), "min_sampling_factor": 1.0},
    }


def _columns(steps: Sequence[Mapping[str, Any]]) -> Iterator[Column]:
    for number, step in enumerate(steps):
        yield from [Column(number, "RELATIVE_REVERSE")] * step["reverse"]
        yield Column(number, "NORMAL")
        yield from [Column(number, "RELATIVE_FORWARD")] * step["forward"]


class One(NamedTuple):
    """A flow: the events that it may show, and those that are its anchors."""

    events: Sequence[Event]
    reached: Sequence[Event]


def _condition(asked: Mapping[str, Any] | None) -> str | None:
    """The expressions of the filters that random questions have."""
    if not asked:
        return None
    name = asked["property"]["name"] if "property" in asked else asked["propertyName"]
    value = asked["filter"]["operand"][0] if "filter" in asked else asked["filterValue"]
    return f'{property_of(name)} == "{value}"' if isinstance(value, str) else f"{property_of(name)} > {value}"


def _by_person(project: ProjectEvents, asked: Mapping[str, Any]) -> list[list[tuple[Event, bool, int]]]:
    """The events of each person in order: with whether it meets the condition, and the anchors that it is as bits."""
    everything = (asked.get("filter_by_event") or {}).get("children", [None])[0]
    conditions = [(step.get("property_filter_params_list") or [None])[0] for step in asked["steps"]]
    anchors = [
        {id(event) for event in project.matching(step["event"], _condition(condition))}
        for step, condition in zip(asked["steps"], conditions, strict=True)
    ]
    active = {id(event) for event in project.named("")}
    kept = [event for event in project.events if id(event) in active or any(id(event) in each for each in anchors)]
    persons = grouped(kept, lambda event: [event.person] if event.person != NO_PERSON else [])
    found = []
    for events in persons.values():
        marked = []
        for event in events:
            meets = project.meets(event, _condition(everything))
            bits = sum(1 << number for number, each in enumerate(anchors) if meets and id(event) in each)
            marked.append((event, meets, bits))
        found.append(sorted(marked, key=lambda each: (each[0].time_ms, each[2], each[0].name)))
    return found


def _tries(clock: Clock, asked: Mapping[str, Any], events: list[tuple[Event, bool, int]]) -> list[One]:
    """The flows that count."""
    begin_ms, end_ms = (
        clock.start_ms(date.fromisoformat(asked["date_range"][name]) + days * DAY)
        for name, days in (("from_date", 0), ("to_date", 1))
    )
    window = asked["conversion_window"]
    in_sessions = window["unit"] == "session"
    window_ms = 10**15 if in_sessions else window["value"] * DAYS_OF[window["unit"]] * DAY_MS
    found: list[One] = []
    for part in _sessions(clock, events) if in_sessions else [events]:
        numbered = [(replace(event, number=at), bits) for at, (event, meets, bits) in enumerate(part) if meets]
        own = [event for event, _ in numbered]
        bits_of = {event.number: bits for event, bits in numbered}
        steps = [_is_anchor(bits_of, 1 << number) for number in range(len(asked["steps"]))]
        of_part: Sequence[Try] = tries(Funnel(steps, window_ms), own, begin_ms, end_ms)
        for each in of_part[:1] if asked["count_type"] == "session" else of_part:
            near = [event for event in own if abs(event.time_ms - each.entry.time_ms) <= window_ms]
            found.append(One(near, each.reached))
    return found[:1] if asked["count_type"] == "unique" else found


def _is_anchor(bits_of: Mapping[int, int], bit: int) -> Matches:
    return lambda event: bool(bits_of[event.number] & bit)


def _sessions(clock: Clock, events: list[tuple[Event, bool, int]]) -> list[list[tuple[Event, bool, int]]]:
    found: list[list[tuple[Event, bool, int]]] = []
    for each in (each for each in events if each[0].name not in NO_PART_OF_SESSIONS):
        event = each[0]
        last = found[-1][-1][0] if found else None
        if (
            last is None
            or event.time_ms - last.time_ms >= 30 * 60_000
            or clock.day(event.time_ms) != clock.day(last.time_ms)
        ):
            found.append([])
        found[-1].append(each)
    return found


def _path(
    question: Question, events: Sequence[Event], reached: Sequence[Event]
) -> tuple[tuple[Place, ...], int] | None:
    """What is shown of a flow, and how many anchors it reaches; None for one with an excluded event."""
    asked, steps = question.asked, question.steps
    numbers = [event.number for event in reached]
    lows, highs = [-1, *numbers[:-1], max(numbers)], [min(numbers), *numbers[1:], 10**9]
    path: list[Place] = []
    for number in range(len(reached) + 1):
        low, high = lows[number], highs[number]
        gap = [event.name for event in events if low < event.number < high and event.name not in asked["hidden_events"]]
        ends = (
            reached[number - 1].name if number else None,
            reached[number].name if number < len(reached) else None,
        )
        if asked["collapse_repeated"]:
            gap = _collapsed(gap, *ends)
        first = gap[: steps[number - 1]["forward"]] if number else []
        rest = gap[len(first) :]
        last = rest[max(len(rest) - steps[number]["reverse"], 0) :] if number < len(reached) else []
        places = [at for at, column in enumerate(question.columns) if column == Column(number - 1, "RELATIVE_FORWARD")]
        path += zip(places, first, strict=False)
        places = [at for at, column in enumerate(question.columns) if column == Column(number, "RELATIVE_REVERSE")]
        path += zip(places[len(places) - len(last) :], last, strict=True)
        if set(first + last) & set(asked["exclusions"]):
            return None
        if number < len(reached):
            path.append((question.columns.index(Column(number, "NORMAL")), steps[number]["step_label"]))
    return tuple(path), len(reached)


def _collapsed(gap: Sequence[str], before: str | None, after: str | None) -> list[str]:
    """Names in a row once, those of the neighbours included."""
    ends = ([] if before is None else [before], [] if after is None else [after])
    names = [name for name, _ in groupby([*ends[0], *gap, *ends[1]])]
    return names[len(ends[0]) : len(names) - len(ends[1])]


Node = tuple[int, str, str]
_ORDER = ("ANCHOR", "NORMAL", "PRUNED", DROPOFF)


def _kind(question: Question, column: int) -> str:
    return "ANCHOR" if question.columns[column].beside == "NORMAL" else "NORMAL"


def _rank(node: Node, count: int) -> tuple[int, int, int, str]:
    return node[0], _ORDER.index(node[2]), -count, node[1]


def _graph(question: Question, paths: Mapping[tuple[Place, ...], int], most: int) -> list[dict[str, Any]]:
    counts: Counter[Place] = Counter()
    for path, count in paths.items():
        counts.update(dict.fromkeys(path, count))
    kept: set[Place] = set()
    for column in range(len(question.columns)):
        own = sorted((place for place in counts if place[0] == column), key=lambda each: (-counts[each], each[1]))
        kept.update(own[:most])
    nodes: Counter[Node] = Counter()
    edges: Counter[tuple[Node, Node]] = Counter()
    for path, count in paths.items():
        walk: list[Node] = [
            (at, name, _kind(question, at)) if (at, name) in kept else (at, "$other", "PRUNED") for at, name in path
        ]
        walk += [(at, DROPOFF, DROPOFF) for at in range(path[-1][0] + 1, len(question.columns))]
        nodes.update(dict.fromkeys(walk, count))
        edges.update(dict.fromkeys(pairwise(walk), count))
    shown: list[dict[str, Any]] = [{"nodes": []} for _ in question.columns]
    for node in sorted(nodes, key=lambda each: _rank(each, nodes[each])):
        ways = sorted((_rank(end, count), end, count) for (begin, end), count in edges.items() if begin == node)
        shown[node[0]]["nodes"].append(
            {
                "event": node[1],
                "type": node[2],
                "anchorType": question.columns[node[0]].beside,
                "totalCount": str(nodes[node]),
                "isCustomEvent": False,
                "conversionRateChange": None,
                "edges": [
                    {"event": end[1], "type": end[2], "step": end[0], "totalCount": str(count)}
                    for _, end, count in ways
                ],
            }
        )
    return shown


def _top(question: Question, paths: Mapping[tuple[Place, ...], int], most: int) -> list[dict[str, Any]]:
    found = []
    for path, count in sorted(paths.items(), key=lambda each: (-each[1], each[0]))[:most]:
        walk: list[Node] = [(at, name, _kind(question, at)) for at, name in path]
        if path[-1][0] < len(question.columns) - 1:
            walk.append((path[-1][0] + 1, DROPOFF, DROPOFF))
        steps = [
            {
                "event": name,
                "type": kind,
                "anchorType": question.columns[at].beside,
                "stepNumber": at,
                "totalCount": str(count),
            }
            for at, name, kind in walk
        ]
        found.append({"flowSteps": steps, "totalCount": str(count)})
    return found


def _tree(
    question: Question, node: Node | None, paths: Mapping[tuple[Place, ...], int], depth: int, most: int, last: int
) -> dict[str, Any]:
    """A node of the paths that begin with it, which are taken apart from a depth on."""
    total = sum(paths.values())
    ended = 0
    if node is not None and node[0] < last:
        ended = sum(count for path, count in paths.items() if len(path) == depth) if node[2] != "PRUNED" else 0
    following: dict[Place, list[tuple[tuple[Place, ...], int]]] = {}
    for path, count in paths.items():
        if len(path) > depth:
            following.setdefault(path[depth], []).append((path, count))
    ordered = sorted(following.items(), key=lambda each: (-sum(count for _, count in each[1]), each[0]))
    children = [
        _tree(question, (at, name, _kind(question, at)), dict(own), depth + 1, most, last)
        for (at, name), own in ordered[:most]
    ]
    if ordered[most:]:
        rest = sum(count for _, own in ordered[most:] for _, count in own)
        children.append(_leaf(question, (min(place[0] for place, _ in ordered[most:]), "$other", "PRUNED"), rest, 0))
    if ended:
        children.append(_leaf(question, (node[0] + 1 if node else 0, DROPOFF, DROPOFF), ended, ended))
    return _leaf(question, node, total, ended) | {"children": children}


def _leaf(question: Question, node: Node | None, total: int, ended: int) -> dict[str, Any]:
    step = None
    if node is not None:
        step = {
            "event": node[1],
            "type": node[2],
            "anchorType": question.columns[node[0]].beside,
            "stepNumber": node[0],
            "isComputed": False,
        }
    return {
        "step": step,
        "totalCount": str(total),
        "dropOffTotalCount": str(ended),
        "convertedTotalCount": str(total - ended),
        "timePercentilesFromStart": None,
        "timePercentilesFromPrev": None,
        "children": [],
    }
