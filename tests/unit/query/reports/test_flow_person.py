"""What is shown of one person's flows, by hand: the edges that random events rarely meet."""

from datetime import date

from trackway.query.reports.flow import Anchor, Count, FlowQuestion, Shown
from trackway.query.reports.flow_person import FlowReader, PersonEvents
from trackway.query.sql.buckets import Buckets
from trackway.query.sql.days import MONDAY, Days, Unit
from trackway.query.sql.selector import Selector

DAY = date(2026, 3, 1)
BEGIN_MS = 1_772_323_200_000
DAYS = Buckets(Days("UTC", MONDAY), DAY, DAY, Unit.DAY)
HOUR_MS = 3_600_000


def question(*anchors: tuple[str, int, int], window_ms: int | None = HOUR_MS) -> FlowQuestion:
    """Anchors by their name, the columns before and those after them."""
    made = [Anchor(Selector(name), name, forward, reverse) for name, reverse, forward in anchors]
    return FlowQuestion(1, made, DAYS, window_ms)


def shown(asked: FlowQuestion, *events: tuple[str, int]) -> list[Shown]:
    """What is shown of the flows of events, each a name and seconds after the day's begin."""
    own = PersonEvents()
    for name, second in events:
        bits = sum(1 << number for number, each in enumerate(asked.anchors) if each.selector.event == name)
        own.add(BEGIN_MS + second * 1000, name, bits, meets=True)
    return [flow.shown for flow in FlowReader(asked).flows(own)]


def test_both_ends_of_the_window_are_in_it() -> None:
    asked = question(("A", 2, 2))
    assert shown(asked, ("x", 0), ("A", 3600), ("y", 7200)) == [((1, "x"), (2, "A"), (3, "y"))]
    assert shown(asked, ("x", 0), ("A", 3601), ("y", 7202)) == [((2, "A"),)]


def test_a_long_gap_shows_its_ends_and_a_short_one_the_begin_first() -> None:
    asked = question(("A", 0, 1), ("B", 2, 0))
    five = [(name, 2 + number) for number, name in enumerate("vwxyz")]
    assert shown(asked, ("A", 1), *five, ("B", 9)) == [((0, "A"), (1, "v"), (2, "y"), (3, "z"), (4, "B"))]
    assert shown(asked, ("A", 1), ("v", 2), ("w", 3), ("B", 9)) == [((0, "A"), (1, "v"), (3, "w"), (4, "B"))]
    assert shown(asked, ("A", 1), ("v", 2), ("B", 9)) == [((0, "A"), (1, "v"), (4, "B"))]


def test_an_anchor_less_than_two_seconds_before_the_other_comes_after_it() -> None:
    asked = question(("A", 1, 1), ("B", 1, 1))
    assert shown(asked, ("x", 1), ("B", 10), ("A", 11), ("y", 12)) == [((0, "x"), (1, "A"), (4, "B"), (5, "y"))]


def test_repeated_events_and_hidden_ones_between_them() -> None:
    asked = question(("A", 1, 3))._replace(collapses=True, hidden=frozenset({"h"}))
    events = [("x", 1), ("A", 2), ("h", 3), ("A", 4), ("y", 5), ("h", 6), ("y", 7), ("A", 8)]
    assert shown(asked, *events) == [((0, "x"), (1, "A"), (2, "y"), (3, "A"))]


def test_a_pause_and_midnight_end_sessions() -> None:
    asked = question(("A", 1, 2), window_ms=None)._replace(counted=Count.SESSION)
    events = [("A", 0), ("A", 60), ("x", 1859), ("y", 3659), ("A", 3660)]
    assert shown(asked, *events) == [((1, "A"), (2, "A"), (3, "x")), ((0, "y"), (1, "A"))]
    late = [("A", 86_390), ("x", 86_401)]
    assert shown(asked, *late) == [((1, "A"),)]


def test_an_excluded_event_counts_only_where_it_is_shown() -> None:
    asked = question(("A", 0, 1))._replace(excluded=frozenset({"x"}))
    assert shown(asked, ("A", 1), ("y", 2), ("x", 3)) == [((0, "A"), (1, "y"))]
    assert shown(asked, ("A", 1), ("x", 2)) == []
