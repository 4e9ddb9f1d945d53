"""The columns of lookup tables among the names that a form suggests."""

from trackway.query.sql.lookups import MappedTable
from trackway.web.suggestions import with_columns

SONGS = MappedTable("song", "1", ("artist", "year"))
PLANS = MappedTable("plan", "2", ("price",))


def test_columns_follow_their_property() -> None:
    found = with_columns(["a", "song", "b", "plan"], [PLANS, SONGS], 10)
    assert found == ["a", "song", "song → artist", "song → year", "b", "plan", "plan → price"]


def test_of_two_tables_with_one_column_it_is_suggested_once() -> None:
    assert with_columns(["song"], [SONGS, SONGS._replace(columns=("year", "label"))], 10) == [
        "song", "song → artist", "song → year", "song → label",
    ]  # fmt: skip


def test_no_more_than_the_limit_are_suggested() -> None:
    assert with_columns(["song", "plan"], [SONGS, PLANS], 2) == ["song", "song → artist"]
    assert with_columns([], [SONGS], 2) == []
