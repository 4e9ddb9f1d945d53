"""The latest events of a person as sessions, the latest first.

As in insights, a pause of thirty minutes ends a session, and so does midnight of the project. Requests to link ids and
events of campaigns are no part of one. The page shows them where they came, and they neither begin nor prolong a
session.
"""

from collections.abc import Sequence
from typing import NamedTuple

from trackway.query.profile_search import Deed
from trackway.query.reports.sessions import TIMEOUT_MS, is_in_sessions
from trackway.query.sql.days import Days


class Sitting(NamedTuple):
    """A session with its events, the latest first, and its begin and end in milliseconds since the epoch; or, where
    `is_session` is false, events beside any."""

    is_session: bool
    begin_ms: int
    end_ms: int
    deeds: list[Deed]

    @property
    def minutes(self) -> int:
        """Its length, rounded to minutes."""
        return round((self.end_ms - self.begin_ms) / 60_000)


def sessions_of(latest: Sequence[Deed], days: Days) -> list[Sitting]:
    """The sessions of some events, which are in order, the latest first. The last one may have begun before them."""
    found: list[Sitting] = []
    for deed in latest:
        counts = is_in_sessions(deed.event)
        last = found[-1] if found else None
        if last is not None and _joins(last, deed, counts, days):
            begin_ms = deed.time_ms if counts or not last.is_session else last.begin_ms
            found[-1] = last._replace(begin_ms=begin_ms, deeds=[*last.deeds, deed])
        else:
            found.append(Sitting(counts, deed.time_ms, deed.time_ms, [deed]))
    return found


def _joins(later: Sitting, deed: Deed, counts: bool, days: Days) -> bool:
    """Whether an event is of the group of those that come right after it."""
    if counts and not later.is_session:
        return False
    pause_ms, same_day = later.begin_ms - deed.time_ms, days.day_of(deed.time_ms) == days.day_of(later.begin_ms)
    return pause_ms < TIMEOUT_MS and same_day
