"""Annotations are numbered in their order, and marked at the bucket that their time is in."""

import pytest

from trackway.projects.saved import Annotation, Made
from trackway.web.chart_notes import Span, marks_of, numbered, span_of

DAYS = ["2026-03-28T00:00:00+01:00", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"]
WEEKS = ["2026-03-23T00:00:00+01:00", "2026-03-30T00:00:00+02:00"]


def note(number: int, date: str) -> Annotation:
    return Annotation(number, 1, date, f"note {number}", [], Made(0, 0, None, "admin"))


NOTES = numbered([note(7, "2026-03-30 23:59:59"), note(8, "2026-03-28 00:00:00"), note(9, "2026-03-28 12:00:00")])


def test_notes_are_numbered_in_the_order_of_their_times() -> None:
    assert [(each.number, each.annotation.annotation_id) for each in NOTES] == [(1, 8), (2, 9), (3, 7)]


@pytest.mark.parametrize(
    ("times", "expected"),
    [(DAYS, {0: "1, 2", 2: "3"}), (WEEKS, {0: "1, 2", 1: "3"}), (DAYS[1:], {1: "3"}), ([], {}), (["all"], {})],
)
def test_a_note_is_marked_at_its_bucket(times: list[str], expected: dict[int, str]) -> None:
    assert marks_of(NOTES, times) == expected


def test_a_range_is_that_of_the_answer() -> None:
    answer = {"date_range": {"from_date": "2026-03-01T00:00:00+01:00", "to_date": "2026-03-31T23:59:59.999000+02:00"}}
    assert span_of(answer) == Span("2026-03-01 00:00:00", "2026-03-31 23:59:59")
