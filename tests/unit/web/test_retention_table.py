"""The tables of retention, and their CSV."""

from typing import Any

from trackway.web.retention_table import Cell, RetentionTable, Row, csv_of_retention, retention_table

MEAN = {"first": 3.0, "counts": [2.5], "rates": [0.75], "persons": [6]}
ROWS: dict[str, Any] = {
    "2026-03-01T00:00:00+01:00": {"first": 4, "counts": [3, 1], "rates": [0.75, 0.25]},
    "2026-03-02T00:00:00+01:00": {"first": 2, "counts": [2], "rates": [1.0]},
    "$average": MEAN,
}


def test_a_row_has_a_cell_for_each_period_that_has_begun() -> None:
    table = retention_table({"series": {"a": ROWS}}, broken_down=False)
    assert (table.mean, table.persons) == (Row("", 3.0, [Cell(2.5, 0.75)]), [6])
    assert [(row.time[:10], row.began, len(row.cells)) for row in table.rows] == [
        ("2026-03-01", 4, 2),
        ("2026-03-02", 2, 1),
    ]
    assert not table.values and not table.is_empty


def test_a_value_of_the_breakdown_has_its_mean() -> None:
    of = {"$average": {"first": 3.0, "counts": [1.0], "rates": [0.3]}}
    table = retention_table({"series": {"a": {"$overall": ROWS, "pro": of}}}, broken_down=True)
    assert table.values == {"pro": Row("", 3.0, [Cell(1.0, 0.3)])}
    assert len(table.rows) == 2


def test_a_shade_is_the_part_in_tenths() -> None:
    assert [Cell(1, part).shade for part in (0, 0.04, 0.06, 0.5, 0.96, 1)] == [0, 0, 1, 5, 10, 10]


def test_retention_that_nobody_began_is_empty() -> None:
    assert RetentionTable(Row("", 0, []), [Row("2026-03-01", 0, [Cell(0, 0)])], {}, []).is_empty


def test_csv_has_a_line_for_each_row_and_period() -> None:
    table = retention_table({"series": {"a": ROWS}}, broken_down=False)
    assert csv_of_retention(table, "", "day").splitlines() == [
        "began,users,day,came back,part",
        "2026-03-01T00:00:00+01:00,4,0,3,0.75",
        "2026-03-01T00:00:00+01:00,4,1,1,0.25",
        "2026-03-02T00:00:00+01:00,2,0,2,1",
        "mean,3,0,2.5,0.75",
    ]
    found = retention_table({"series": {"a": {"$overall": ROWS, "=pro": {"$average": MEAN}}}}, broken_down=True)
    head, *lines = csv_of_retention(found, "plan", "week").splitlines()
    assert head == "plan,began,users,week,came back,part"
    assert lines[-2:] == ["$overall,mean,3,0,2.5,0.75", "'=pro,mean,3,0,2.5,0.75"]
