from trackway.compaction.versions import Retired, Rollup, Segment, Version
from trackway.query.sql.segments import HOURS, NO_SLOT, PERSONS, Derived

SEGMENTS = tuple(Segment(number, 100, links=number) for number in (1, 2, 3, 4))
ROLLUP = Rollup(5, (1, 2, 3), 1, 6, (Derived(5, PERSONS, 70, (NO_SLOT,)),))
VERSION = Version(1, segments=SEGMENTS, rollups=(ROLLUP,))


def test_a_rollup_stays_where_its_segments_are_written_again_and_ends_where_others_are_put_in() -> None:
    new = Segment(6, 200, links=9)
    (kept,) = VERSION.with_rewritten(new, SEGMENTS[:2], 7.0).rollups
    assert kept == ROLLUP._replace(segments=(3, 6)) and kept.is_old
    mixed = VERSION.with_rewritten(new, SEGMENTS[2:], 7.0)
    assert not mixed.rollups and mixed.retired == (Retired(3, 7), Retired(4, 7), Retired(5, 7))
    assert VERSION.with_rewritten(new, SEGMENTS[3:], 7.0).rollups == (ROLLUP,)


def test_a_rollup_ends_with_any_fact_that_goes() -> None:
    without = VERSION.with_segments([Segment(6, 99, links=9)], SEGMENTS[:1], 7.0)
    assert not without.rollups and without.retired == (Retired(1, 7), Retired(5, 7))
    assert VERSION.with_segments([Segment(6, 99, links=9)], SEGMENTS[3:], 7.0).rollups == (ROLLUP,)
    assert not VERSION.emptied(7.0).rollups


def test_a_new_rollup_ends_those_of_its_table_that_have_one_of_its_segments() -> None:
    new, hours = (Rollup(7, (3, 4), 3, 9, (Derived(7, table, 60, (NO_SLOT,)),)) for table in (PERSONS, HOURS))
    made = VERSION.with_rollup(new, 7.0)
    assert made.rollups == (new,) and made.retired == (Retired(5, 7),)
    assert made.stored_rows == 460 and made.numbers == [1, 2, 3, 4, 7]
    assert VERSION.with_rollup(hours, 7.0).rollups == (ROLLUP, hours)
    both = ROLLUP._replace(derived=ROLLUP.derived + hours.derived)
    assert VERSION._replace(rollups=(both,)).with_rollup(hours, 7.0).rollups == (hours,)


def test_a_rollup_has_the_links_of_its_segments_unless_it_is_old() -> None:
    (rollup,) = VERSION.with_links(1, 8).rollups
    assert rollup.links == 2
    old = VERSION.with_rewritten(Segment(6, 100, links=9), SEGMENTS[:1], 7.0)
    assert old.with_links(2, 8).rollups[0].links == 1
    assert not old.without_old_rollups(8.0).rollups
    assert VERSION.without_old_rollups(8.0) == VERSION
