"""The anchors of each person's first flow, and the events beside them that it may show, found by the store.

The rules for what a flow is and shows are in `flow_person`. Here is a superset, by distance from anchors alone.
"""

from typing import Any

from trackway.query.reports.flow import FlowQuestion
from trackway.query.reports.funnel import GRACE_MS
from trackway.query.sql.tables import rows_from


def neighbors(asked: FlowQuestion, rows: str, parameters: dict[str, Any]) -> str:
    """A query's text that gives of each person the first event that is the first anchor, and those events of a flow
    that begins there which it may show. `rows`: a query's text that gives all of them, as `flow_events` does. The
    values that it binds go to `parameters`."""
    first, window_ms = asked.anchors[0], asked.window_ms
    assert window_ms is not None, "a session has no such flow"
    from_ms, before_ms = asked.days.bounds_ms
    graces_ms = GRACE_MS * (len(asked.anchors) - 1)  # a later anchor may be so much earlier
    parameters |= {"begin_ms": from_ms, "end_ms": before_ms, "hidden": sorted(asked.hidden)}
    parameters |= {"before_ms_most": max(window_ms if first.reverse else 0, graces_ms), "after_ms_most": window_ms}
    begun = f"SELECT who, min((t, bits, name)) AS begun {rows_from(rows)}"
    begun += " WHERE bits % 2 = 1 AND t >= {begin_ms:UInt64} AND t < {end_ms:UInt64} GROUP BY who"
    near = "t + {before_ms_most:UInt64} >= begun.1 AND t <= begun.1 + {after_ms_most:UInt64}"
    shown = "NOT has({hidden:Array(String)}, name)"
    if len(asked.anchors) > 1:
        shown = f"bits OR {shown} AND t + {{after_ms_most:UInt64}} >= begun.1"
    events = f"SELECT who, any(begun) AS first, arraySort(groupArrayIf((t, bits, name), {shown})) AS events"
    events += f" {rows_from(rows, 'event')} INNER JOIN ({begun}) AS begin USING who WHERE {near} GROUP BY who"
    found = _beside_one(asked, events) if len(asked.anchors) == 1 else _beside_several(asked, events)
    return f"SELECT who, each.1 AS t, each.3 AS name, each.2 AS bits, 1 AS meets {rows_from(found)}"


def _beside_one(asked: FlowQuestion, events: str) -> str:
    """Of each person the only anchor, and as many events before and after it as are shown. Hidden events are not among
    the `events`."""
    anchor = asked.anchors[0]
    before = _kept("arrayReverse(arrayFilter(each -> each < first, events))", anchor.reverse, asked)
    others = "arrayFilter(each -> each >= first, events)"
    others = f"if(has({{hidden:Array(String)}}, first.3), {others}, arrayPopFront({others}))"
    after = _kept(others, anchor.forward, asked)
    return f"SELECT who, arrayJoin(arrayConcat([first], {before}, {after})) AS each {rows_from(events)}"


def _kept(beside: str, count: int, asked: FlowQuestion) -> str:
    """SQL of the first `count` of some events, going away from the anchor. Of events of one name in a row the first
    counts, if these are one."""
    if asked.collapses:
        names = f"arrayMap(each -> each.3, arrayPushFront(arrayPopBack({beside}), first))"
        beside = f"if(empty({beside}), {beside}, arrayFilter((each, before) -> each.3 != before, {beside}, {names}))"
    return f"arraySlice({beside}, 1, {count})"


def _beside_several(asked: FlowQuestion, events: str) -> str:
    """Of each person all events that are an anchor, since it depends on all of them which the flow reaches, and the
    events near to one.

    Events are counted in runs, away from the next anchor on either side. A run has one event; or, where events of one
    name are one, all of a name in a row, of which the first is kept. The event behind an anchor begins a run, since an
    anchor that the flow does not reach is no neighbor of it.

    More runs are kept than are shown: one behind an anchor, and one before it, whose name may be the anchor's; and one
    more before it, whose name may be that of the last kept one behind another anchor, with others between them.
    """
    behind = max(anchor.forward for anchor in asked.anchors) + 1
    before = max(anchor.reverse for anchor in asked.anchors) + 2
    runs = "events"
    if asked.collapses:
        begins = "each.2 OR at = 1 OR previous.2 OR each.3 != previous.3"
        previous = "arrayPushFront(arrayPopBack(events), events[1])"
        runs = f"arrayFilter((each, previous, at) -> {begins}, events, {previous}, arrayEnumerate(events))"
    numbered = rows_from(f"SELECT who, {runs} AS runs, arrayEnumerate(runs) AS places {rows_from(events)}")
    anchors = "arrayMap((each, place) -> if(each.2 != 0, place, 0), runs, places)"
    sides = "arrayFill(place -> place != 0, anchors) AS latest, arrayReverseFill(place -> place != 0, anchors) AS next"
    sides = rows_from(f"SELECT *, {sides} {rows_from(f'SELECT *, {anchors} AS anchors {numbered}')}")
    near = f"latest AND place - latest <= {behind} OR next AND next - place <= {before}"
    kept = f"arrayFilter((each, place, latest, next) -> {near}, runs, places, latest, next)"
    return f"SELECT who, arrayJoin({kept}) AS each {sides}"
