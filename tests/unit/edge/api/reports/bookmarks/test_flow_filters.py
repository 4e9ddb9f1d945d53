"""The older form of filters that the steps of flows have, as filters of other bookmarks."""

from typing import Any

import msgspec
import pytest

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarks.flow_filters import StepFilter, clause_of


def read(kind: str, source: str = "properties", **compared: Any) -> Any:
    of = {"name": "p", "source": source, "type": kind}
    given = {"property": of, "type": kind, "selected_property_type": kind, "filter": compared}
    return clause_of(msgspec.convert(given, StepFilter), "steps.0")


@pytest.mark.parametrize(
    ("kind", "compared", "operator", "value", "unit"),
    [
        ("string", {"operator": "==", "operand": ["a"]}, "equals", ["a"], None),
        ("string", {"operator": "not in", "operand": "a"}, "does not contain", "a", None),
        ("string", {"operator": "set", "operand": ""}, "is set", "", None),
        ("number", {"operator": ">", "operand": "1.5"}, "is greater than", 1.5, None),
        ("number", {"operator": "!><", "operand": ["1", "2"]}, "not between", [1, 2], None),
        ("number", {"operator": "is not set", "operand": ""}, "is not set", "", None),
        ("boolean", {"operand": "true"}, "true", None, None),
        ("datetime", {"operator": "==", "operand": "01/31/2026"}, "was on", "2026-01-31", None),
        (
            "datetime",
            {"operator": "><", "operand": ["01/31/2026", "02/01/2026"]},
            "was between",
            ["2026-01-31", "2026-02-01"],
            None,
        ),
        ("datetime", {"operator": ">", "operand": 7, "unit": "days"}, "was in the", 7, "day"),
    ],
)
def test_meaning(kind: str, compared: Any, operator: str, value: Any, unit: str | None) -> None:
    found = read(kind, **compared)
    assert (found.value, found.resourceType) == ("p", "events")
    assert (found.filterOperator, found.filterValue, found.filterDateUnit) == (operator, value, unit)


def test_a_property_of_the_person() -> None:
    assert read("string", "user", operator="==", operand=["a"]).resourceType == "people"


@pytest.mark.parametrize(
    ("kind", "source", "compared", "text"),
    [
        ("string", "cohort", {"operator": "==", "operand": []}, "steps.0.property.source 'cohort' is not supported"),
        ("list", "properties", {"operator": "==", "operand": []}, "steps.0.type 'list' is not supported"),
        ("string", "properties", {"operator": "~", "operand": "a"}, "steps.0.filter.operator '~' is not supported"),
        ("number", "properties", {"operator": ">", "operand": "ten"}, "steps.0.filter.operand must be a number"),
        ("boolean", "properties", {"operand": "yes"}, "steps.0.filter.operator None is not supported"),
    ],
)
def test_what_is_refused(kind: str, source: str, compared: Any, text: str) -> None:
    with pytest.raises(RequestError, match=text):
        read(kind, source, **compared)
