"""The types of saved reports that a page of reports makes and opens, each as one row.

A page of reports has its question in its address. A row says what is saved of such an address, and which address opens
what was saved. A type without a row is shown by its definition.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final, NamedTuple

from starlette.datastructures import QueryParams

from trackway.domain.errors import RequestError
from trackway.web.bookmark_form import form_of, query_of
from trackway.web.flow_bookmark import flow_bookmark
from trackway.web.flow_form import read_flow
from trackway.web.funnel_bookmark import funnel_bookmark
from trackway.web.funnel_form import read_funnel
from trackway.web.limits import FLOW_EVENTS_DRAWN_MAX
from trackway.web.opened_reports import flow_query, funnel_query, retention_query
from trackway.web.report_bookmark import bookmark_of
from trackway.web.report_form import read_form
from trackway.web.retention_bookmark import retention_bookmark
from trackway.web.retention_form import read_retention_form


class Kind(NamedTuple):
    """`path` is that of the page. `params_of` gives the definition of an address, and raises RequestError 400.
    `query_of` gives the query string that opens a definition, and raises NotExpressible; dates are today's."""

    path: str
    title: str
    params_of: Callable[[QueryParams, date], Mapping[str, Any]]
    query_of: Callable[[str, date], str]


def _trend_params(query: QueryParams, today: date) -> Mapping[str, Any]:
    form = read_form(query)
    if not form.events:
        raise RequestError(400, "choose an event before you save the report")
    return bookmark_of(form, today)


def _funnel_params(query: QueryParams, today: date) -> Mapping[str, Any]:
    return funnel_bookmark(read_funnel(query), today)


def _retention_params(query: QueryParams, today: date) -> Mapping[str, Any]:
    return retention_bookmark(read_retention_form(query), today)


def _flow_params(query: QueryParams, today: date) -> Mapping[str, Any]:
    return flow_bookmark(read_flow(query), today, FLOW_EVENTS_DRAWN_MAX)


KINDS: Final[Mapping[str, Kind]] = {
    "insights": Kind("/trends", "Trends", _trend_params, lambda params, today: query_of(form_of(params, today))),
    "funnels": Kind("/funnels", "Funnels", _funnel_params, funnel_query),
    "retention": Kind("/retention", "Retention", _retention_params, retention_query),
    "flows": Kind("/flows", "Flows", _flow_params, flow_query),
}
"""By type of the saved report."""
