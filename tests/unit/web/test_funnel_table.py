"""The tables of a funnel, and its CSV."""

from typing import Any

import pytest

from trackway.web.funnel_table import FunnelTable, Step, csv_of_funnel, funnel_table


def step(event: str, came: int, previous: int, first: int, *times: int | None) -> dict[str, Any]:
    names = ("median_time", "avg_time", "median_time_from_start", "avg_time_from_start")
    ratios = {"step_conv_ratio": came / previous, "overall_conv_ratio": came / first}
    return {"event": event, "count": came, **ratios, **dict(zip(names, times or [None] * 4, strict=True))}


STEPS = [step("view", 8, 8, 8), step("=buy", 2, 8, 8, 5, 6, 5, 6)]


def test_the_steps_of_everybody() -> None:
    table = funnel_table({"data": {"2026-03-01": {"steps": STEPS, "analysis": {}}}}, broken_down=False)
    assert table.every == [Step(1, "view", 8, 1, 1, None, None, None, None), Step(2, "=buy", 2, 0.25, 0.25, 5, 6, 5, 6)]
    assert not table.values and not table.is_empty
    assert [table.lost(number) for number in (1, 2)] == [6, 2]


def test_a_breakdown_has_the_steps_of_each_value_beside_those_of_everybody() -> None:
    found = {"$overall": STEPS, "pro": STEPS[:1], "free": STEPS}
    table = funnel_table({"data": {"2026-03-01": found}}, broken_down=True)
    assert list(table.values) == ["pro", "free"]
    assert len(table.every) == 2


def test_a_funnel_that_nobody_began_is_empty() -> None:
    assert FunnelTable([Step(1, "view", 0, 1, 1, None, None, None, None)], {}).is_empty


@pytest.mark.parametrize("by", ["", "plan"])
def test_csv_has_a_row_for_each_step(by: str) -> None:
    found: Any = {"$overall": STEPS, "+pro": STEPS} if by else {"steps": STEPS}
    text = csv_of_funnel(funnel_table({"data": {"d": found}}, broken_down=bool(by)), by)
    head, *rows = text.splitlines()
    assert head.startswith("plan,step,event" if by else "step,event,came")
    assert rows[1].endswith("2,'=buy,2,0.25,0.25,5,6,5,6")
    assert len(rows) == (4 if by else 2)
    assert not by or rows[2].startswith("'+pro,1,view")
