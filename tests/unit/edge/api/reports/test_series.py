"""The answer of series: every bucket of every series, and a bound on all of them."""

from datetime import date, timedelta

import pytest

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.series import series_answer
from trackway.query.sql.buckets import Buckets
from trackway.query.sql.days import UTC_DAYS

FIRST = date(2020, 1, 1)


def days(number: int) -> Buckets:
    return Buckets(UTC_DAYS, FIRST, FIRST + timedelta(days=number - 1))


def test_every_series_has_every_bucket() -> None:
    answer = series_answer(days(2), [("b", {"2020-01-02": 3})], asked=["c", "b", "a"])
    assert answer["data"]["series"] == ["2020-01-01", "2020-01-02"]
    assert list(answer["data"]["values"].items()) == [
        ("b", {"2020-01-01": 0, "2020-01-02": 3}),
        ("a", {"2020-01-01": 0, "2020-01-02": 0}),
        ("c", {"2020-01-01": 0, "2020-01-02": 0}),
    ]
    assert answer["legend_size"] == 3


def test_more_than_a_million_values_are_refused() -> None:
    some = [(f"value {number}", {"2020-01-01": 1.0}) for number in range(1001)]
    assert series_answer(days(999), some)["legend_size"] == 1001
    with pytest.raises(RequestError) as refused:
        series_answer(days(1000), some)
    assert refused.value.status == 400
    assert refused.value.message == (
        "the report has 1001 series of 1000 values, more than 1000000 in all: "
        "choose a lower limit, fewer days or a longer unit"
    )
