"""The source of events: where each kind of condition stands, and what an expression needs of a row."""

from datetime import date

import pytest

from trackway.query.expressions import parse
from trackway.query.sql.days import Days
from trackway.query.sql.event_filter import EventFilter, filtered_events
from trackway.query.sql.events import project_events
from trackway.query.sql.person import Known
from trackway.query.sql.scope import Needs, copies_of, needs_of, rows_of
from trackway.query.sql.tables import KEPT

HOSTILE = "' OR 1=1 -- \\"
CHOSEN = project_events(7).having(key=["k"], row=["r"], properties=["p"])


def test_only_conditions_that_all_copies_share_are_checked_before_copies_are_left_out() -> None:
    project = f"project_id = {{project:UInt32}} AND {KEPT}"
    assert CHOSEN.from_sql(deduplicated=True) == f"FROM events FINAL PREWHERE {project} AND k WHERE r AND p"
    assert CHOSEN.from_sql(deduplicated=False) == f"FROM events PREWHERE {project} AND k AND r WHERE p"


def test_days_bind_instants_of_their_zone_and_days_of_the_primary_key() -> None:
    events = project_events(7).within(Days("America/New_York"), date(2026, 3, 8), date(2026, 3, 8))
    bounds = {"from_ms": 1772946000000, "from_day": "2026-03-08", "before_ms": 1773028800000, "last_day": "2026-03-09"}
    assert dict(events.parameters) == {"project": 7, **bounds}


def test_every_statement_asks_the_store_from_when_on_events_are_kept() -> None:
    for deduplicated in (True, False):
        assert KEPT in CHOSEN.from_sql(deduplicated=deduplicated)


DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("from_ms", "since_ms", "bound_ms"),
    [
        (None, 0, None),
        (None, 3 * DAY_MS, 3 * DAY_MS),
        (5 * DAY_MS, 0, 5 * DAY_MS),
        (5 * DAY_MS, 3 * DAY_MS, 5 * DAY_MS),
        (3 * DAY_MS, 5 * DAY_MS, 5 * DAY_MS),
    ],
)
def test_where_that_is_known_the_later_of_two_bounds_is_bound(
    from_ms: int | None, since_ms: int, bound_ms: int | None
) -> None:
    asked = project_events(7).between(from_ms, 9 * DAY_MS)
    assert not asked.is_by_hour, "the store may keep events from the middle of an hour on"
    found = asked.since(since_ms)
    assert KEPT not in found.key
    assert found.parameters.get("from_ms") == bound_ms
    assert found.is_narrow
    assert found.is_by_hour
    assert found.since(since_ms) == found
    assert [each.count("day") > 0 for each in found.narrow_key[1:]] == [True] * (1 + (bound_ms is not None))


def test_days_of_a_zone_of_half_hours_are_kept_to_the_half_hour() -> None:
    found = project_events(7).since(5 * DAY_MS - 5 * 3_600_000 - 1_800_000)
    assert not found.is_by_hour


def test_no_text_of_a_client_is_part_of_a_statement() -> None:
    wanted = EventFilter(HOSTILE, HOSTILE, [(HOSTILE, HOSTILE), ("", HOSTILE)])
    events = filtered_events(7, wanted, [HOSTILE]).named([HOSTILE, "b"])
    where = parse(f'user["{HOSTILE[:-1]}"] == 1 and properties["{HOSTILE[:-1]}"] == "x"')
    rows = rows_of(events, Known(links=True, refusals=True, conflicts=True), deduplicated=True, where=where)
    assert "OR 1=1" not in rows.sql
    assert {HOSTILE, HOSTILE[:-1]} <= {value for value in rows.parameters.values() if isinstance(value, str)}


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ('event["$time"] > datetime(1) and event["$name"] == "a"', Needs()),
        ('properties["$time"] > datetime(1)', Needs()),
        ('properties["a"] == 1', Needs(document=True)),
        ('properties["$distinct_id"] == "u"', Needs(person=True)),
        ('"a" in properties["distinct_id"]', Needs(person=True)),
        ('defined(properties["$distinct_id_before_identity"])', Needs(person=True)),
        ('defined(properties["$failure_reason"])', Needs(failures=True)),
        ('user["a"] == user["b"]', Needs(person=True, users=("a", "b"))),
        ('any(X, properties["l"], X == user["a"])', Needs(document=True, person=True, users=("a",))),
    ],
)
def test_an_expression_needs_only_what_it_refers_to(text: str, needs: Needs) -> None:
    assert needs_of(parse(text)) == needs


def test_rows_have_no_join_that_nothing_needs() -> None:
    known = Known(links=True, refusals=True, conflicts=True)
    assert "JOIN" not in rows_of(CHOSEN, known, deduplicated=False, where=parse('properties["a"] == 1')).sql
    assert "identity_links" in rows_of(CHOSEN, known, deduplicated=False, needs=Needs(person=True)).sql
    assert "identity_refusals" in rows_of(CHOSEN, known, deduplicated=False, needs=Needs(failures=True)).sql


def test_a_condition_is_on_the_table_where_the_table_has_all_it_refers_to() -> None:
    known = Known(links=True)
    assert copies_of(CHOSEN, known, parse('properties["a"] == 1')).sql.startswith("FROM events PREWHERE")
    assert "JOIN" in copies_of(CHOSEN, known, parse('properties["distinct_id"] == "u"')).sql
