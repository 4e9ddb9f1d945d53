"""The views of saved funnels, retention and flows, as cards of dashboards and shared links show them.

The figures are those of the API's answer. A view has a column for each value of the breakdown, so that the rule for
values of shared links sees them all.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarks.documents import Bookmark
from trackway.edge.api.reports.bookmarks.strict_json import strict_json
from trackway.edge.api.reports.retention import OVERALL
from trackway.query.reports.axis import ALL
from trackway.web.chart import Chart
from trackway.web.flow_table import flow_columns
from trackway.web.funnel_chart import funnel_chart
from trackway.web.funnel_table import FunnelTable, Step
from trackway.web.limits import TREND_DRAWN_MAX, TREND_VALUES_MAX
from trackway.web.report_table import Trend, figure_text
from trackway.web.report_view import View
from trackway.web.retention_chart import EVERYBODY, retention_chart
from trackway.web.retention_form import UNITS
from trackway.web.retention_table import RetentionTable, retention_table
from trackway.web.sankey import flow_chart
from trackway.web.templating import percent

_COUNTS: Final = "count"
_TABLE: Final = "table"


def check_asks(behavior: str, params: str) -> None:
    """Raise RequestError 400 for a definition, as JSON text, that does not ask for a "funnel" or "retention".

    A client of the API may save any definition under any type.
    """
    show = strict_json(params, Bookmark, "the definition").sections.show
    asked = show[0].behavior if show else None
    if asked is None or asked.type != behavior:
        raise RequestError(400, f"its definition asks for no {behavior}, as its type says")


async def funnel_view(heading: str, answer: Mapping[str, Any]) -> View:
    """The view of an answer of insights to a bookmark of a funnel. Raises RequestError 400 for one over time."""
    table = whole_funnel(answer)
    times = [f"{step.number}. {step.event}" for step in table.every]
    shown = table.values or {EVERYBODY: list(table.every)}
    columns = {value: [step.came for step in steps] for value, steps in shown.items()}
    parts = {value: [step.of_first for step in steps] for value, steps in shown.items()}
    picture = None if table.is_empty else await funnel_chart(table, TREND_DRAWN_MAX)
    return _view(heading, times, columns, parts, picture, "Step", is_empty=table.is_empty)


def whole_funnel(answer: Mapping[str, Any]) -> FunnelTable:
    """The steps in an answer of insights to a bookmark of a funnel. Raises RequestError 400 for one over time."""
    [found] = answer["series"].values()
    if _COUNTS not in found and _COUNTS not in found.get(OVERALL, {}):
        raise RequestError(400, "a card shows a funnel of the whole range, not one for each bucket of time")
    values = {} if _COUNTS in found else {value: _steps(each) for value, each in found.items() if value != OVERALL}
    return FunnelTable(_steps(found if _COUNTS in found else found[OVERALL]), values)


def _steps(found: Mapping[str, Any]) -> list[Step]:
    """The steps of an answer that has numbers by step, without the times that it has not."""
    steps = []
    for number, (label, counts) in enumerate(found[_COUNTS].items(), 1):
        of_previous, of_first = (found[name][label][ALL] for name in ("step_conv_ratio", "overall_conv_ratio"))
        event = label.removeprefix(f"{number}. ")
        steps.append(Step(number, event, counts[ALL], of_previous, of_first, None, None, None, None))
    return steps


async def retention_view(heading: str, answer: Mapping[str, Any], params: str) -> View:
    """The view of the means in an answer of insights to a bookmark of retention."""
    table, unit = answered_retention(answer, params)
    means = table.values or {EVERYBODY: table.mean}
    periods = max((len(row.cells) for row in means.values()), default=0)
    times = [f"{UNITS[unit]} {period}" for period in range(periods)]
    counts = {value: [cell.came for cell in row.cells] for value, row in means.items()}
    parts = {value: [cell.part for cell in row.cells] for value, row in means.items()}
    picture = None if table.is_empty else await retention_chart(table, unit, TREND_DRAWN_MAX)
    view = _view(heading, times, counts, parts, picture, "Period", is_empty=table.is_empty)
    began = sum(row.began for row in table.rows)
    return view._replace(sum=f"{figure_text(began)} began")


def answered_retention(answer: Mapping[str, Any], params: str) -> tuple[RetentionTable, str]:
    """The table of an answer of insights to a bookmark of retention, and the unit of its periods."""
    [show] = strict_json(params, Bookmark, "the definition").sections.show
    [found] = answer["series"].values()
    unit = (show.behavior and show.behavior.retentionUnit) or "day"
    return retention_table(answer, broken_down=OVERALL in found), unit


async def flow_view(heading: str, graph: Mapping[str, Any]) -> View:
    """The view of an answer of `arb_funnels` to a graph."""
    table = flow_columns(graph)
    nodes = [(title, node) for title, column in zip(table.titles, table.columns, strict=True) for node in column]
    times = [f"{node.name}, {title}" for title, node in nodes]
    counts: list[float] = [node.number for _, node in nodes]
    parts = [count / table.entered if table.entered else 0 for count in counts]
    picture = await flow_chart(heading, table) if table.entered else None
    return _view(
        heading, times, {"Number": counts}, {"Number": parts}, picture, "Event and place", is_empty=not table.entered
    )


def _view(
    heading: str,
    times: list[str],
    columns: Mapping[str, Sequence[float]],
    parts: Mapping[str, Sequence[float]],
    picture: Chart | None,
    head: str,
    *,
    is_empty: bool,
) -> View:
    """A view of numbers and the parts that they are, by place; a column may be shorter than the others."""
    shown = {
        name: [f"{figure_text(number)} ({percent(part)})" for number, part in zip(numbers, parts[name], strict=True)]
        for name, numbers in columns.items()
    }
    rows = [
        (time, time, [each[place] if place < len(each) else "" for each in shown.values()])
        for place, time in enumerate(times)
    ]
    trend = Trend(times, {name: list(numbers) for name, numbers in columns.items()})
    undrawn = max(len(columns) - TREND_DRAWN_MAX, 0)
    is_cut = len(columns) >= TREND_VALUES_MAX
    return View(heading, _TABLE, trend, rows, picture, undrawn, is_cut, head, is_empty)
