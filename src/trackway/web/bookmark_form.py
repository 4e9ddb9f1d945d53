"""A saved bookmark as the form of Trends that gives it: the way back from `report_bookmark`.

A client of the API may save what the form has no field for. Such a bookmark is never shown as a form that asks for
something else: a form is given only if its own bookmark is the same document, apart from fields that change no number.
"""

from datetime import date
from functools import cache
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.datastructures import QueryParams

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarks.documents import (
    Bookmark,
    DisplayOptions,
    FilterClause,
    GroupClause,
    Measurement,
    ShowClause,
    TimeClause,
    Window,
)
from trackway.edge.api.reports.bookmarks.strict_json import converted, strict_json
from trackway.web.date_range import range_of
from trackway.web.report_bookmark import DISPLAYED, MEASUREMENTS, TABLE_STYLE, bookmark_of
from trackway.web.report_filter import filter_of, whose_of
from trackway.web.report_form import OF_PROPERTY, ReportForm, read_form

_COUNTS: Final = frozenset({"value", "filterValue", "operand", "from_date", "to_date"})
"""Fields of any type that do change numbers, in clauses."""
_SAME_RESOURCE: Final = {"event": "events", "user": "people"}
_UNSAID: Final = dict.fromkeys(("by_whose", "by2_whose", "property_whose"), "event")
"""Fields that are left out of an address where they say nothing."""
_DEFAULTS: Final = {"filtersDeterminer": "all", "analysis": "linear"}
"""Values that mean the same as none."""


class NotExpressible(Exception):
    """The form has no field for a part of a document. `str` ends the sentence "it cannot be opened as a form: "."""


def query_of(form: ReportForm) -> str:
    """The query string that holds the form."""
    pairs = [("event", name) for name in form.events]
    for each in form.filters:
        pairs += [("where", each.name), ("is", each.operator), ("value", each.value), ("whose", each.whose)]
    single = {
        "measure": form.measure,
        "property": form.property,
        "by": form.by,
        "range": form.range,
        "from": form.first,
        "to": form.last,
        "unit": form.unit,
        "chart": form.chart,
        "by_whose": form.by_whose,
        "by2": form.by2,
        "by2_whose": form.by2_whose,
        "property_whose": form.property_whose,
        "formula": form.formula,
        "rolling": form.rolling,
        "compare": form.compare,
    }
    single = {name: value for name, value in single.items() if value != _UNSAID.get(name, "")}
    return urlencode([*pairs, *single.items()])


def form_of(params: str, today: date) -> ReportForm:
    """The form of a saved report's definition, as JSON text. Raises NotExpressible."""
    try:
        document = _settled(strict_json(params, Bookmark, "the definition"))
        form = _read(document)
        if not form.events:
            raise NotExpressible("it names no event")
        if read_form(QueryParams(query_of(form))) != form:
            raise NotExpressible("it names an event twice, or not at all")
        expected = _settled(converted(bookmark_of(form, today), Bookmark, "bookmark"))
    except RequestError as error:
        raise NotExpressible(error.message) from error
    if path := difference(document, expected):
        raise NotExpressible(f"the form has no field for {path}")
    return form


def _read(document: Bookmark) -> ReportForm:
    """What the form would hold, if it can hold the document."""
    sections, display = document.sections, document.displayOptions
    formula = next((each.definition for each in sections.show if each.definition), "")
    groups = [(str(each.value), whose_of(each.resourceType)) for each in sections.group or ()]
    (by, by_whose), (by2, by2_whose) = [*groups, ("", "event"), ("", "event")][:2]
    first = sections.show[0] if sections.show else ShowClause()
    measurement = first.measurement or Measurement()
    measured, resource = "", ""
    if measurement.property:
        measured, resource = measurement.property.name, measurement.property.resourceType
    time = sections.time[0] if sections.time else TimeClause()
    chosen = range_of(time.dateRangeType, time.value, time.window.value if time.window else 0)
    return ReportForm(
        [_event(each) for each in sections.show if each.definition is None],
        _measure(measurement),
        measured,
        by,
        [
            filter_of(each.value, each.filterOperator, each.filterValue, each.resourceType)
            for each in sections.filter or ()
        ],
        *chosen,
        time.unit,
        _chart(display),
        by_whose,
        by2,
        by2_whose,
        whose_of(resource),
        formula or "",
        "" if display.rollingWindowSize is None else str(display.rollingWindowSize),
        "before" if display.timeComparison else "",
    )


def _event(clause: ShowClause) -> str:
    return (clause.behavior.name if clause.behavior else None) or ""


def _measure(asked: Measurement) -> str:
    given = {"math": asked.math or "total", "perUserAggregation": asked.perUserAggregation}
    for name, measurement in MEASUREMENTS.items():
        needs = name in OF_PROPERTY
        if needs is (asked.property is not None) and given == {"perUserAggregation": None, **measurement}:
            return name
    return "total"


def _chart(display: DisplayOptions) -> str:
    kinds = {shown["chartType"]: name for name, shown in DISPLAYED.items() if "plotStyle" not in shown}
    chart = kinds.get(display.chartType, "line")
    return "table" if chart == "line" and display.plotStyle == TABLE_STYLE else chart


def _settled(document: Bookmark) -> Bookmark:
    """The document in today's words, where older ones mean the same."""
    for clause in [*(document.sections.filter or ()), *(document.sections.group or ())]:
        _settle(clause)
    for each in document.sections.show:
        if each.behavior is not None and each.behavior.type is None:
            each.behavior.type = "event"
        if each.type is None and each.behavior is not None:
            each.type = "metric"
        if each.behavior is not None and each.name is None:
            each.name = each.behavior.name
    for time in document.sections.time:
        if time.dateRangeType in ("in the last", None) and time.unit == "day" and isinstance(time.value, int):
            time.dateRangeType, time.window, time.value = "in the last", Window("day", time.value), None
    return document


def _settle(clause: FilterClause | GroupClause) -> None:
    clause.resourceType = _SAME_RESOURCE.get(clause.resourceType, clause.resourceType)
    if clause.value is None:
        clause.value = clause.propertyName
    clause.propertyName = None
    if isinstance(clause, GroupClause):
        clause.propertyType = None  # says what a page shows, as `filterType` does
    else:
        clause.filterType = None


def difference(given: msgspec.Struct, expected: msgspec.Struct) -> str:
    """The path of the first part of a document by which it is not the expected one, "" where there is none."""
    return _difference(_plain(given), _plain(expected), "")


def _plain(value: object) -> Any:
    """A part of a document without what changes no number, and without what is empty."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, msgspec.Struct):
        return value
    found = {}
    for name in _counting(type(value)):
        part = _plain(getattr(value, name))
        if part not in (None, [], {}, "") and part != _DEFAULTS.get(name):
            found[name] = part
    return found


@cache
def _counting(struct: type[msgspec.Struct]) -> tuple[str, ...]:
    kept = frozenset[str]() if struct in (DisplayOptions, Bookmark) else _COUNTS
    return tuple(each.name for each in msgspec.structs.fields(struct) if each.type is not Any or each.name in kept)


def _difference(given: Any, expected: Any, path: str) -> str:
    """The path of the first part that is not as expected, "" where there is none."""
    if type(given) is type(expected) is dict:
        for name in dict.fromkeys([*given, *expected]):
            below = f"{path}.{name}" if path else name
            if found := _difference(given.get(name), expected.get(name), below):
                return found
        return ""
    if type(given) is type(expected) is list and len(given) == len(expected):
        parts = (_difference(*each, f"{path}.{place}") for place, each in enumerate(zip(given, expected, strict=True)))
        return next(filter(None, parts), "")
    return "" if given == expected else path
