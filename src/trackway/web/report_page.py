"""What the pages of funnels, retention and flows have in common: a form, a table, a picture, and what is saved."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from starlette.responses import Response

from trackway.projects.saved import Bookmark
from trackway.web.date_range import RANGES
from trackway.web.limits import REPORT_FILTERS_MAX
from trackway.web.page import Page, render
from trackway.web.report_address import with_fields
from trackway.web.report_filter import NO_FILTER, OPERATORS, Filter
from trackway.web.saved_report import done_of


class Form(Protocol):
    """The fields of such a page."""

    @property
    def filters(self) -> Sequence[Filter]:
        """The filters of the whole report."""
        ...


def report_page(
    page: Page,
    template: str,
    form: Form,
    saved: Bookmark | None,
    choices: Mapping[str, Mapping[str, str]],
    *,
    status: int = 200,
    **values: Any,
) -> Response:
    """The page with one empty row more of filters, as long as there may be more. `choices`: by field, the words of the
    address and what a reader sees. `values`: what the template needs besides, such as the `table`."""
    query = page.request.query_params
    known: dict[str, Any] = {"table": None, "fault": "", "offered": None, "picture": None}
    return render(
        page,
        template,
        status=status,
        form=form,
        as_of_ms=time.time_ns() // 1_000_000,
        address=with_fields(query, report=None, done=None),
        saved=saved,
        done=done_of(page),
        fields=lambda **fields: with_fields(query, **fields),
        filter_rows=[*form.filters, NO_FILTER][:REPORT_FILTERS_MAX],
        choices={name: list(each.items()) for name, each in {"is": OPERATORS, "range": RANGES, **choices}.items()},
        **(known | values),
    )
