"""The steps of a check of facts."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from trackway.query.sql.facts_check import Step, steps_of


def test_small_days_are_one_step() -> None:
    days = [("2026-03-01", 3), ("2026-03-02", 4), ("2026-03-04", 3), ("2026-03-05", 1)]
    first, last = Step("2026-03-01", "2026-03-04", 0, 1), Step("2026-03-05", "2026-03-05", 0, 1)
    assert steps_of(days, 10) == [(first, 10), (last, 1)]


def test_a_large_day_is_several_steps_of_its_own() -> None:
    days = [("2026-03-01", 3), ("2026-03-02", 25), ("2026-03-03", 3)]
    large = [(Step("2026-03-02", "2026-03-02", piece, 3), 8) for piece in range(3)]
    small = [(Step(f"2026-03-0{day}", f"2026-03-0{day}", 0, 1), 3) for day in (1, 3)]
    assert steps_of(days, 10) == [small[0], *large, small[1]]


def test_no_days_are_no_steps() -> None:
    assert steps_of([], 10) == []


@given(numbers=st.lists(st.integers(1, 40), max_size=20), events_max=st.integers(1, 12))
def test_each_day_is_in_steps_once(numbers: Sequence[int], events_max: int) -> None:
    days = [(f"2026-03-{day:02}", number) for day, number in enumerate(numbers, 1)]
    made = steps_of(days, events_max)
    covered: dict[str, list[tuple[int, int]]] = {}
    for step, about in made:
        assert about <= events_max
        for day, _ in days:
            if step.from_date <= day <= step.to_date:
                covered.setdefault(day, []).append((step.piece, step.pieces))
    assert sorted(covered) == [day for day, _ in days]
    assert all(pieces == [(piece, len(pieces)) for piece in range(len(pieces))] for pieces in covered.values())
