"""The groups of the navigation hold each page once."""

from typing import NamedTuple

from trackway.web.navigation import Group, groups_of


class Linked(NamedTuple):
    path: str


def test_pages_are_in_the_group_of_their_path_and_others_in_the_last() -> None:
    events, trends, audit, reports = (Linked(path) for path in ("/events", "/trends", "/audit", "/reports"))
    assert groups_of([events, trends, audit, reports]) == [
        Group("Events", [events]),
        Group("Reports", [reports, trends]),
        Group("Project", [audit]),
    ]


def test_a_group_without_pages_is_left_out() -> None:
    assert groups_of([Linked("/checklist")]) == [Group("Ingestion", [Linked("/checklist")])]
    assert groups_of([]) == []
