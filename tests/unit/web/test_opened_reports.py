"""The way back from a saved bookmark to the page that gives it, and no document is taken for another."""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import date
from typing import Any
from urllib.parse import parse_qsl

import pytest
from starlette.datastructures import QueryParams

from tests.support.web.filter_values import VALUES
from trackway.web.bookmark_form import NotExpressible
from trackway.web.date_range import RANGES
from trackway.web.report_kinds import KINDS

TODAY = date(2026, 3, 1)
STEPS = "event1=view&event2=+cart&event3=buy"
FILTERED = [
    f"where{of}=n&is{of}={word}&value{of}={value}&whose{of}={whose}"
    for of, whose in (("", "event"), ("1", "user"))
    for word, value in VALUES.items()
]
RANGED = [f"range={name}&from=2026-02-01&to=2026-02-03" for name in RANGES]
OF_ALL = ["", *FILTERED, *RANGED, "where=a&is=is&value=5&where=b&is=is&value=true&where2=c&is2=set&value2="]
ASKED = {
    "funnels": [
        f"{STEPS}&{more}"
        for more in (
            *OF_ALL,
            "window=3&window_unit=hour&counted=general&reentry=optimized",
            "order=any&by=plan&by_whose=user",
            "exclude=call&after=&before=&exclude=leave&after=1&before=2",
        )
    ],
    "retention": [
        f"event1=join&event2=use&{more}"
        for more in (*OF_ALL, "window=calendar&unit=week&periods=4&by=plan", "returns=from&unit=month")
    ] + ["event1=join", "event1=join&where1=a&is1=is&value1=1&kind=compounded"],
    "flows": [
        f"event1=buy&{more}"
        for more in (
            *OF_ALL[:-1],
            "after=0&before=5&counted=total&window=2&window_unit=week",
            "counted=session&window_unit=session",
            "repeats=each&hide=a&hide=+b",
        )
    ],
}  # fmt: skip
CASES = [(type, query) for type, queries in ASKED.items() for query in queries]


def saved(type: str, query: str) -> Mapping[str, Any]:
    return KINDS[type].params_of(QueryParams(query), TODAY)


def opened(type: str, document: Mapping[str, Any]) -> str:
    return KINDS[type].query_of(json.dumps(document), TODAY)


@pytest.mark.parametrize(("type", "query"), CASES)
def test_what_a_page_saves_opens_as_the_same_question(type: str, query: str) -> None:
    document = saved(type, query)
    assert saved(type, opened(type, document)) == document


def test_names_and_values_keep_their_blanks() -> None:
    found = parse_qsl(
        opened("funnels", saved("funnels", f"{STEPS}&where2=+a&is2=is&value2=b+")), keep_blank_values=True
    )
    assert ("event2", " cart") in found and ("where2", " a") in found and ("value2", "b ") in found


CHANGES: dict[str, list[Callable[[dict[str, Any]], None]]] = {
    "funnels": [
        lambda document: document["sections"]["show"][0]["behavior"].update(aggregateBy=[{"value": "plan"}]),
        lambda document: document["sections"]["show"][0]["behavior"]["behaviors"][0].update(filtersDeterminer="any"),
        lambda document: document["sections"].update(group=[{"value": "a"}, {"value": "b"}]),
        lambda document: document["sections"].update(show=[]),
        lambda document: document["displayOptions"].update(chartType="line"),
        lambda document: document["sections"]["show"][0]["measurement"].update(math="median"),
        lambda document: document["sections"]["filter"].append({"value": "a", "filterOperator": "starts with"}),
    ],
    "retention": [
        lambda document: document["sections"]["show"][0]["behavior"].update(retentionCustomBucketSizes=[1, 3, 7]),
        lambda document: document["sections"]["show"][0]["behavior"].update(retentionType="other"),
        lambda document: document["sections"]["show"][0]["behavior"]["behaviors"].append({"name": "third"}),
        lambda document: document["sections"]["time"][0].update(dateRangeType="since", value="2026-01-01"),
    ],
    "flows": [
        lambda document: document["steps"].append({"event": "b"}),
        lambda document: document["steps"][0].update(bool_op="or", step_label="Named"),
        lambda document: document.update(exclusions=["c"]),
        lambda document: document.update(cardinality_threshold=20),
        lambda document: document["date_range"].update(type="since"),
        lambda document: document.update(filter_by_cohort={"id": 3}),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("type", "number"), [(type, n) for type, each in CHANGES.items() for n in range(len(each))])
def test_a_document_that_asks_for_something_else_is_no_form(type: str, number: int) -> None:
    document: dict[str, Any] = deepcopy(dict(saved(type, ASKED[type][0])))
    CHANGES[type][number](document)
    with pytest.raises(NotExpressible):
        opened(type, document)
