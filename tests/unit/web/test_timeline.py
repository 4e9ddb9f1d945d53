"""The sessions of some events of a person."""

from datetime import UTC, datetime

import pytest

from trackway.query.profile_search import Deed
from trackway.query.sql.days import Days
from trackway.web.timeline import sessions_of

UTC_DAYS, BERLIN = Days.of("UTC", "monday"), Days.of("Europe/Berlin", "monday")


def deeds(*moments: tuple[str, str]) -> list[Deed]:
    """Events at times of one day or the next (`+hh:mm`), the latest first."""
    found = []
    for text, event in moments:
        day = 2 if text.startswith("+") else 1
        hour, minute = map(int, text.lstrip("+").split(":"))
        time_ms = round(datetime(2026, 3, day, hour, minute, tzinfo=UTC).timestamp() * 1000)
        found.append(Deed(time_ms, event, "ann", text, "{}"))
    return sorted(found, key=lambda deed: -deed.time_ms)


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        ([], []),
        (["10:00"], [(True, 0, ["10:00"])]),
        (["10:00", "10:29", "10:58"], [(True, 58, ["10:58", "10:29", "10:00"])]),
        (["10:00", "10:30"], [(True, 0, ["10:30"]), (True, 0, ["10:00"])]),
        (["23:50", "+00:05"], [(True, 0, ["+00:05"]), (True, 0, ["23:50"])]),
    ],
)
def test_a_pause_and_midnight_end_a_session(moments: list[str], expected: list[tuple[bool, int, list[str]]]) -> None:
    found = sessions_of(deeds(*((each, "a") for each in moments)), UTC_DAYS)
    assert [(each.is_session, each.minutes, [deed.insert_id for deed in each.deeds]) for each in found] == expected


def test_midnight_is_that_of_the_project() -> None:
    assert len(sessions_of(deeds(("23:50", "a"), ("+00:05", "a")), BERLIN)) == 1
    assert len(sessions_of(deeds(("22:50", "a"), ("23:05", "a")), BERLIN)) == 2


def test_what_no_person_causes_begins_and_prolongs_no_session() -> None:
    story = deeds(
        ("09:00", "$campaign_delivery"), ("10:00", "a"), ("10:20", "$identify"), ("10:40", "b"), ("10:55", "c")
    )
    found = sessions_of(story, UTC_DAYS)
    assert [(each.is_session, [deed.insert_id for deed in each.deeds]) for each in found] == [
        (True, ["10:55", "10:40", "10:20"]),
        (True, ["10:00"]),
        (False, ["09:00"]),
    ]
    assert (found[0].minutes, found[0].begin_ms) == (15, story[1].time_ms)
