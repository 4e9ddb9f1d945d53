"""The cards of a dashboard: any moves keep each report once, and change only what they name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackway.domain.errors import InvalidInput, StateError
from trackway.projects.cards import MOVES, Card, added, cards_of, moved
from trackway.projects.limits import DASHBOARD_CARDS_MAX

THREE = [Card(7, False), Card(8, True), Card(9, False)]


@pytest.mark.parametrize(
    ("report_id", "move", "expected"),
    [
        (8, "up", [8, 7, 9]),
        (8, "down", [7, 9, 8]),
        (7, "up", [7, 8, 9]),
        (9, "down", [7, 8, 9]),
        (8, "remove", [7, 9]),
    ],
)
def test_a_card_moves(report_id: int, move: str, expected: list[int]) -> None:
    assert [each.report_id for each in moved(THREE, report_id, move)] == expected


def test_a_card_is_wide_or_narrow() -> None:
    assert moved(THREE, 9, "wide") == [*THREE[:2], Card(9, True)]
    assert moved(THREE, 8, "narrow") == [THREE[0], Card(8, False), THREE[2]]


def test_a_report_is_added_once_and_only_while_there_is_room() -> None:
    assert added(THREE, 5, is_wide=True) == [*THREE, Card(5, True)]
    with pytest.raises(StateError, match="already"):
        added(THREE, 8, is_wide=False)
    with pytest.raises(StateError, match=f"more than {DASHBOARD_CARDS_MAX} reports"):
        added([Card(number, False) for number in range(DASHBOARD_CARDS_MAX)], 99, is_wide=False)


def test_what_is_not_there_is_not_moved() -> None:
    with pytest.raises(StateError, match="not on this dashboard"):
        moved(THREE, 5, "up")
    with pytest.raises(InvalidInput, match="move must be one of"):
        moved(THREE, 7, "sideways")


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["add", *MOVES])), max_size=30))
def test_any_moves_keep_each_report_once_and_are_stored_as_they_are(moves: list[tuple[int, str]]) -> None:
    cards: list[Card] = []
    expected: set[int] = set()
    for report_id, move in moves:
        try:
            cards = added(cards, report_id, is_wide=False) if move == "add" else moved(cards, report_id, move)
            expected = expected - {report_id} if move == "remove" else expected | {report_id}
        except StateError:
            assert (report_id in expected) is (move == "add")
    assert len(cards) == len(expected) == len({each.report_id for each in cards})
    assert cards_of([list(each) for each in cards]) == cards
