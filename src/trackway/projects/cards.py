"""The cards of a dashboard: which saved report stands where, and how wide. Pure rules.

A card is stored as a list of its report's id and whether it is wide. A report has one card of a dashboard at most.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from trackway.domain.errors import InvalidInput, StateError
from trackway.projects.limits import DASHBOARD_CARDS_MAX

MOVES: Final = ("up", "down", "wide", "narrow", "remove")
"""What may be done with a card."""


class Card(NamedTuple):
    """`report_id` is that of a bookmark, which may have been deleted since. A wide card takes a whole row."""

    report_id: int
    is_wide: bool


def cards_of(stored: Sequence[Sequence[Any]]) -> list[Card]:
    """The cards as they are stored."""
    return [Card(int(report_id), bool(is_wide)) for report_id, is_wide in stored]


def added(cards: Sequence[Card], report_id: int, *, is_wide: bool) -> list[Card]:
    """The cards with one more at the end. Raises StateError for a report that has a card, or when there are too
    many."""
    if any(each.report_id == report_id for each in cards):
        raise StateError("the report is on this dashboard already")
    if len(cards) >= DASHBOARD_CARDS_MAX:
        raise StateError(f"a dashboard must not have more than {DASHBOARD_CARDS_MAX} reports")
    return [*cards, Card(report_id, is_wide)]


def moved(cards: Sequence[Card], report_id: int, move: str) -> list[Card]:
    """The cards after a move of one of them. The first stays first when it moves up, the last one last when it moves
    down. Raises InvalidInput for another word than MOVES, StateError for a report without a card."""
    if move not in MOVES:
        raise InvalidInput(f"move must be one of {', '.join(MOVES)}")
    place = next((place for place, each in enumerate(cards) if each.report_id == report_id), None)
    if place is None:
        raise StateError("the report is not on this dashboard")
    others, card = [*cards[:place], *cards[place + 1 :]], cards[place]
    match move:
        case "remove":
            return others
        case "wide" | "narrow":
            return [*cards[:place], card._replace(is_wide=move == "wide"), *cards[place + 1 :]]
    place = max(place - 1, 0) if move == "up" else place + 1
    return [*others[:place], card, *others[place:]]
