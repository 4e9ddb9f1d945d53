"""Annotations on a chart: which bucket of time each belongs to. Pure rules.

An annotation has a time of the project's clocks, and so has each bucket, so both are compared as texts.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from trackway.projects.saved import Annotation


class Note(NamedTuple):
    """An annotation with its number on the chart."""

    number: int
    annotation: Annotation


class Span(NamedTuple):
    """The first and the last time of a range, as annotations write them."""

    first: str
    last: str


def span_of(answer: Mapping[str, Mapping[str, str]]) -> Span:
    """The range of an answer of insights."""
    return Span(*(_clock(answer["date_range"][name]) for name in ("from_date", "to_date")))


def numbered(annotations: Sequence[Annotation]) -> list[Note]:
    """The annotations in the order of their times, numbered from 1."""
    ordered = sorted(annotations, key=lambda each: (each.date, each.annotation_id))
    return [Note(number, each) for number, each in enumerate(ordered, 1)]


def marks_of(notes: Sequence[Note], times: Sequence[str]) -> dict[int, str]:
    """The numbers of the notes by the place of their bucket, such as `1, 2`. `times` are the begins of buckets in ISO
    8601; a note before the first one is of no bucket."""
    begins, marks = [_clock(each) for each in times], dict[int, list[str]]()
    for note in notes:
        place = sum(begin <= note.annotation.date for begin in begins) - 1
        if place >= 0:
            marks.setdefault(place, []).append(str(note.number))
    return {place: ", ".join(numbers) for place, numbers in marks.items()}


def _clock(time: str) -> str:
    """`2026-11-29T12:00:00+01:00` as `2026-11-29 12:00:00`."""
    return time[:19].replace("T", " ")
