"""Flows: what users do after or before an event. The page asks what the API's `arb_funnels` answers."""

import json
import time
from typing import Any, Final

from starlette.responses import Response

from trackway.domain.errors import RequestError
from trackway.edge.access.change_queue import Changes
from trackway.edge.api.reports.bookmarks.flows import FlowAsked
from trackway.edge.api.reports.flows import FLOWS_REPORT, graph_and_paths
from trackway.projects.saved import Bookmark
from trackway.query.reports.run import Run
from trackway.web.csv_table import csv_reply
from trackway.web.flow_bookmark import flow_bookmark
from trackway.web.flow_form import COLUMNS, COUNTS, REPEATS, WINDOW_UNITS, FlowForm, read_flow
from trackway.web.flow_table import FlowTable, csv_of_flows, flow_table, path_text
from trackway.web.limits import (
    FLOW_EVENTS_DRAWN_MAX,
    FLOW_FORM_HIDDEN_MAX,
    FLOW_PATHS_SHOWN_MAX,
)
from trackway.web.page import Page
from trackway.web.report_page import report_page
from trackway.web.report_run import SMALLER, curl_text, offered_events, run_of, sql_text
from trackway.web.sankey import flow_chart
from trackway.web.saved_report import open_report
from trackway.web.store_errors import answer_of

PATH: Final = "/flows"


async def show(page: Page, *, changes: Changes) -> Response:
    """The form, and the flows that it asks for. A question that cannot be answered keeps its form, with the reason."""
    form, saved = read_flow(page.request.query_params), await open_report(page, changes)
    if not form.event.event.strip():
        return _page(page, form, saved, offered=await offered_events(page))
    run = await run_of(page, changes)
    try:
        table = await _answered(page, run, form)
    except RequestError as error:
        return _page(page, form, saved, fault=error.message, status=error.status)
    return _page(
        page,
        form,
        saved,
        table=table,
        picture=await flow_chart(_title(form), table) if table.entered else None,
        paths=[(path_text(path), path.number) for path in table.paths],
        sql=sql_text(run.statements),
        curl=curl_text(page, "arb_funnels", {"bookmark": _bookmark(page, form)}),
    )


async def table(page: Page, *, changes: Changes) -> Response:
    """The most frequent paths of the same question as CSV."""
    form = read_flow(page.request.query_params)
    return csv_reply("flows", csv_of_flows(await _answered(page, await run_of(page, changes), form)))


async def _answered(page: Page, run: Run, form: FlowForm) -> FlowTable:
    """Raises RequestError 400 for a question that cannot be answered, and StorageError."""
    asked = {"bookmark": json.dumps(_bookmark(page, form))}
    wanted = FLOWS_REPORT.parse(asked, page.project).flows
    if not isinstance(wanted, FlowAsked):
        raise RequestError(400, "this page filters by properties, not by what is saved")
    return flow_table(*await answer_of(graph_and_paths(run, wanted, FLOW_PATHS_SHOWN_MAX), SMALLER))


def _bookmark(page: Page, form: FlowForm) -> dict[str, Any]:
    return flow_bookmark(form, page.days.day_of(time.time_ns() // 1_000_000), FLOW_EVENTS_DRAWN_MAX)


def _title(form: FlowForm) -> str:
    """Such as `After Order placed`."""
    sides = [word for word, count in (("Before", form.before), ("after", form.after)) if count != "0"]
    return f"{' and '.join(sides).capitalize()} {form.event.event}"


def _page(page: Page, form: FlowForm, saved: Bookmark | None, **values: Any) -> Response:
    """The page with one empty row more of hidden events, as long as there may be more."""
    return report_page(
        page,
        "flows.html",
        form,
        saved,
        {"columns": COLUMNS, "counted": COUNTS, "window_unit": WINDOW_UNITS, "repeats": REPEATS},
        title_of_flows=_title(form),
        hidden_rows=[*form.hidden, ""][:FLOW_FORM_HIDDEN_MAX],
        **values,
    )
