"""Slots of open pages: one visitor may use all of them until another visitor opens a page."""

from contextlib import ExitStack

import pytest

from trackway.domain.errors import RequestError
from trackway.web.stream_slots import Slot, Slots


def test_one_visitor_may_have_all_places_until_another_comes() -> None:
    slots = Slots(4)
    with ExitStack() as opened:

        def take(visitor: str) -> Slot:
            return opened.enter_context(slots.held(visitor))

        first = [take("a") for _ in range(4)]
        with pytest.raises(RequestError, match="too many pages"):
            take("a")
        take("b")
        assert [each.is_revoked for each in first] == [False, False, False, True], "the newest is revoked"
        take("b")
        assert sum(each.is_revoked for each in first) == 2
        for visitor in ("a", "b"):
            with pytest.raises(RequestError, match="too many pages"):
                take(visitor)
        take("c")
    with ExitStack() as opened:
        assert len([opened.enter_context(slots.held("d")) for _ in range(4)]) == 4, "all came back"
