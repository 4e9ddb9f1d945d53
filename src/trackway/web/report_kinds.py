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
from trackway.web.report_bookmark import bookmark_of
from trackway.web.report_form import read_form


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


KINDS: Final[Mapping[str, Kind]] = {
    "insights": Kind("/trends", "Trends", _trend_params, lambda params, today: query_of(form_of(params, today))),
}
"""By type of the saved report."""
