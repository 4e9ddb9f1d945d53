"""`arb_funnels`: flows, a question that is a bookmark, and its answer as Mixpanel's query SDK reads it."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarks.filters import Calendar
from trackway.edge.api.reports.bookmarks.flow_documents import FlowBookmark
from trackway.edge.api.reports.bookmarks.flows import FlowAsked, read_flows
from trackway.edge.api.reports.bookmarks.saved import Named, bookmark_id_of, loading
from trackway.edge.api.reports.bookmarks.strict_json import strict_json
from trackway.edge.api.reports.flow_answers import graph, top_paths, tree
from trackway.edge.api.reports.parameters import days_of, today
from trackway.edge.api.reports.report import Report
from trackway.edge.wire.parameter_tables import ARB_FUNNELS
from trackway.edge.wire.parameters import Parameters
from trackway.projects.project import Project
from trackway.query.reports.flow import Side
from trackway.query.reports.flows import Flows, follow
from trackway.query.reports.run import Run

if TYPE_CHECKING:
    from trackway.projects.saved_table import Saved

_GRAPH, _PATHS, _TREE = "flows_sankey", "flows_top_paths", "flows"
_FORMS: Final = (_GRAPH, _PATHS, _TREE)


class Asked(NamedTuple):
    """A question, or what makes one of it with what is saved; and the form of its answer."""

    flows: FlowAsked | Named[FlowAsked]
    form: str


def read(parameters: Parameters, project: Project) -> Asked:
    """Raises RequestError 400, naming the field."""
    form = parameters.get("query_type") or _GRAPH
    if form not in _FORMS:
        raise RequestError(400, f"query_type must be one of {', '.join(_FORMS)}, not '{form[:40]}'")
    bookmark_id, text = bookmark_id_of(parameters), parameters.get("bookmark", "")
    if bool(text) == (bookmark_id is not None):
        raise RequestError(400, "one of bookmark and bookmark_id is required: a JSON object, or a saved report's id")
    given = strict_json(text, FlowBookmark, "bookmark") if text else None
    calendar = Calendar(days_of(project), today(project), time.time())
    named: Named[FlowAsked] = Named(
        project,
        bookmark_id or 0,
        given,
        lambda found, cohorts: read_flows(found, project.project_id, calendar, cohorts),
        FlowBookmark,
        "flows",
    )
    if given is None or given.filter_by_cohort is not None:
        return Asked(named, form)
    return Asked(read_flows(given, project.project_id, calendar, None), form)


def load(wanted: Asked) -> Callable[["Saved"], Asked] | None:
    """What looks up a saved report and cohorts, if some are asked for."""
    if not isinstance(wanted.flows, Named):
        return None
    look_up = loading(wanted.flows)
    return lambda saved: wanted._replace(flows=look_up(saved))


async def answer(run: Run, wanted: Asked) -> dict[str, Any]:
    asked = wanted.flows
    assert isinstance(asked, FlowAsked), "it was looked up"
    found = await follow(run, asked.question, keeps_graph=wanted.form == _GRAPH, keeps_paths=wanted.form != _GRAPH)
    return await _answer(wanted.form, found, asked)


async def graph_and_paths(run: Run, asked: FlowAsked, paths_max: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The answers to a graph and to paths, `paths_max` of them, of flows that are followed once."""
    found = await follow(run, asked.question, keeps_graph=True, keeps_paths=True)
    return await _answer(_GRAPH, found, asked), await _answer(_PATHS, found, asked._replace(shown_max=paths_max))


async def _answer(form: str, found: Flows, asked: FlowAsked) -> dict[str, Any]:
    shown = await asyncio.to_thread(_shown, form, found, asked.question.columns(), asked.shown_max)
    return {
        "computed_at": datetime.now(UTC).isoformat(),
        **shown,
        "breakdowns": [],
        "overallConversionRate": found.converted / found.entered if found.entered else 0.0,
        "metadata": {"totalCount": str(found.entered), "min_sampling_factor": 1.0},
    }


def _shown(form: str, found: Flows, sides: list[Side], shown_max: int) -> dict[str, Any]:
    return {
        "steps": graph(found, sides, shown_max) if form == _GRAPH else [],
        "flows": top_paths(found, sides, shown_max) if form == _PATHS else [],
        "trees": tree(found, sides, shown_max) if form == _TREE else [],
    }


FLOWS_REPORT: Final = Report("arb_funnels", ARB_FUNNELS, read, answer, load=load)
