"""Texts that spell a time, against Python's own reading of them, and where there is none."""

import operator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from trackway.query.expressions import Row, evaluate, parse
from trackway.query.expressions.values import UNDEFINED, Moment, parse_moment
from trackway.query.sql.days import Days

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))) | st.just(UTC)
BOUNDS = datetime(1901, 1, 1), datetime(2299, 12, 30)
TIMES = st.datetimes(*BOUNDS) | st.datetimes(*BOUNDS, timezones=ZONES)
SIGNS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne}


def milliseconds(time: datetime) -> int:
    """Since the epoch, by Python; a time without a zone is UTC."""
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return (aware - EPOCH) // timedelta(milliseconds=1)


@given(TIMES, st.sampled_from("T t"), st.sampled_from(["auto", "minutes", "seconds", "milliseconds", "microseconds"]))
def test_every_spelling_of_iso_8601_is_read_as_python_reads_it(time: datetime, separator: str, digits: str) -> None:
    text = time.isoformat(separator, digits)
    expected = Moment(milliseconds(datetime.fromisoformat(text)))
    assert parse_moment(text) == expected
    assert parse_moment(text.replace("+00:00", "z")) == expected
    assert parse_moment(f"{text[:-3]}{text[-2:]}" if time.utcoffset() else text) == expected  # +0200


@settings(max_examples=examples(30))
@given(TIMES, TIMES)
def test_a_text_beside_a_datetime_compares_by_time(one: datetime, other: datetime) -> None:
    row = Row({"at": one.isoformat()})
    for sign in ("<", "<=", ">", ">=", "==", "!="):
        expected = eval(f"{milliseconds(one)} {sign} {milliseconds(other)}")
        assert evaluate(parse(f'properties["at"] {sign} datetime("{other.isoformat()}")'), row) is expected
        flipped = parse(f'datetime("{one.isoformat()}") {sign} "{other.isoformat()}"')
        assert evaluate(flipped, row) is expected


@pytest.mark.parametrize(
    "text",
    [
        "", "2026", "2026-01", "2026-1-31", "20260131", "2026-02-30", "2026-01-31T", "2026-01-31T24:00:00", "now",
        "2026-01-31T10", "2026-01-31T10:00:60", "2026-01-31T10:00:00.", "2026-01-31T10:00:00+2", "2026-01-31Z",
        " 2026-01-31",
    ],
)  # fmt: skip
def test_what_spells_no_time_is_none(text: str) -> None:
    assert parse_moment(text) is UNDEFINED
    assert evaluate(parse('properties["at"] >= datetime(0)'), Row({"at": text})) is UNDEFINED


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-07-01", "2026-06-30T22:00:00Z"),
        ("2026-07-01T10:30:00.25", "2026-07-01T08:30:00.250Z"),
        ("2026-01-01 10:30", "2026-01-01T09:30:00Z"),
        ("2026-03-29T02:30:00", "2026-03-29T01:00:00Z"),  # which the clocks skip
        ("2026-10-25T02:30:00", "2026-10-25T00:30:00Z"),  # which they show twice: the first
        ("2026-07-01T10:00:00Z", "2026-07-01T10:00:00Z"),
        ("2026-07-01T10:00:00+09", "2026-07-01T01:00:00Z"),
    ],
)
def test_a_literal_without_a_zone_is_a_time_of_the_clock(text: str, utc: str) -> None:
    days = Days("Europe/Berlin")
    node = parse(f'datetime("{text}")', clock=lambda local: days.instants_ms(local)[0])
    assert evaluate(node, Row({})) == parse_moment(utc)


def test_a_time_in_a_property_is_utc_whatever_the_clock() -> None:
    node = parse('datetime(properties["at"])', clock=lambda local: 0)
    assert evaluate(node, Row({"at": "2026-07-01"})) == parse_moment("2026-07-01T00:00:00Z")
