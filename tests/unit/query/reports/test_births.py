"""The statement that finds births: what it reads, and that its two sources bind the same values."""

import re
from datetime import date

from trackway.query.expressions import parse
from trackway.query.reports.births import Births, first_births
from trackway.query.reports.return_windows import Windows
from trackway.query.sql.buckets import Buckets
from trackway.query.sql.days import Days, Unit
from trackway.query.sql.person import Known
from trackway.query.sql.selector import Selector

WINDOWS = Windows(Unit.DAY, True, (1, 2), False)


def rows_of(born: Selector, returning: Selector) -> tuple[str, dict[str, object]]:
    days = Days("Pacific/Auckland")
    rows, read = (Buckets(days, date(2026, 7, 1), date(2026, month, 3)) for month in (7, 8))
    on = parse('properties["plan"]')
    found = first_births(Births(1, rows, read, born, returning, True, on), WINDOWS, Known(False))
    return found.sql, found.parameters


def test_births_are_looked_for_up_to_their_last_day() -> None:
    sql, bound = rows_of(Selector("signed up"), Selector())
    events, born = sql.split("LEFT ANY JOIN")
    assert bound["born_day"] == "2026-07-03"  # the last instant of that day in the zone is on the same day of UTC
    assert bound["last_day"] == "2026-08-03"
    assert "toDate(time) <= toDate({born_day:String})" in born
    assert "born_day" not in events


def test_both_sources_bind_the_same_values() -> None:
    where = parse('properties["plan"] == "pro" and properties["seats"] > 5')
    sql, bound = rows_of(Selector("signed up", where), Selector("used", where))
    events, born = (re.findall(r"\{(\w+):", half) for half in sql.split("LEFT ANY JOIN"))
    assert [name for name in born if name != "born_day"] == [name for name in events if name in born]
    assert bound.keys() >= set(events) | set(born)
