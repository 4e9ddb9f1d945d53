"""What no bookmark may ask for here, whatever its kind."""

from typing import Final

from trackway.edge.api.reports.bookmarks.documents import Bookmark
from trackway.edge.api.reports.bookmarks.strict_json import not_built

PREVIOUS_PERIOD: Final = {"type": "previous-period"}
"""The comparison in time that insights answer: with as many days before."""


def check_sections(bookmark: Bookmark, *, compares: bool = False) -> None:
    """Raise RequestError 400 for a part that would change numbers and is not supported. `compares`: whether the report
    may be compared with PREVIOUS_PERIOD."""
    sections, display = bookmark.sections, bookmark.displayOptions
    compared = None if compares and display.timeComparison == PREVIOUS_PERIOD else display.timeComparison
    for path, value in (
        ("displayOptions.timeComparison", compared),
        ("timeComparison", bookmark.timeComparison),
        ("sections.cohorts", sections.cohorts),
        ("sections.group_by", sections.group_by),
        ("sections.formula", sections.formula),
        ("sections.globalDataGroupId", sections.globalDataGroupId),
        ("sections.dataGroupId", sections.dataGroupId),
        ("displayOptions.queryTimeSampling", display.queryTimeSampling),
    ):
        if value:
            raise not_built(path, value)
    for number, clause in enumerate(sections.show):
        for name in ("overrides", "statsig"):
            if value := getattr(clause, name):
                raise not_built(f"sections.show.{number}.{name}", value)
