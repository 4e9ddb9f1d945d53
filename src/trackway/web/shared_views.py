"""Answers that links show, kept for some minutes, so that strangers cost no query.

One question is asked once, however many wait for its answer. Each edge process keeps answers of its own: with four
processes a report is asked four times in five minutes at most. What failed is kept for some seconds, too.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import NamedTuple

from trackway.domain.errors import RequestError, StorageError
from trackway.web.limits import (
    SHARED_FAULT_KEPT_S,
    SHARED_VIEW_KEPT_S,
    SHARED_VIEW_OVERHEAD_BYTES,
    SHARED_VIEWS_BYTES_MAX,
)
from trackway.web.report_cards import CardView

_TEXT_BYTES = 100
"""What a text takes besides its characters, with the figure that it stands for."""
_AWAY = "the report cannot be answered now: look again in a moment"


class _Kept(NamedTuple):
    view: CardView
    until_s: float


class SharedViews:
    """For one event loop. `clock_s`: seconds of a clock that never goes back."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic):
        self._clock_s = clock_s
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._bytes = 0
        self._asked: dict[Hashable, asyncio.Task[CardView]] = {}

    async def view(self, key: Hashable, ask: Callable[[], Awaitable[CardView]]) -> CardView:
        """The kept view of a key, or what `ask` gives. `key` says all that the view depends on but the data."""
        kept = self._kept.get(key)
        if kept is not None and self._clock_s() < kept.until_s:
            return kept.view
        if key not in self._asked:
            self._asked[key] = asyncio.create_task(self._answered(key, ask))
        # A stranger who leaves ends nobody else's answer.
        return await asyncio.shield(self._asked[key])

    async def _answered(self, key: Hashable, ask: Callable[[], Awaitable[CardView]]) -> CardView:
        try:
            begun_s = self._clock_s()
            try:
                view, until_s = await ask(), begun_s + SHARED_VIEW_KEPT_S
            except (RequestError, StorageError):
                # From its end: what fails after a long time is not asked again at once.
                view, until_s = CardView(None, _AWAY, 0), self._clock_s() + SHARED_FAULT_KEPT_S
            self._keep(key, _Kept(view, until_s))
            return view
        finally:
            del self._asked[key]

    def _keep(self, key: Hashable, kept: _Kept) -> None:
        if key in self._kept:
            self._bytes -= _size(self._kept.pop(key).view)
        self._kept[key] = kept
        self._bytes += _size(kept.view)
        while self._bytes > SHARED_VIEWS_BYTES_MAX:
            self._bytes -= _size(self._kept.popitem(last=False)[1].view)


def _size(shown: CardView) -> int:
    """The bytes of a view, about: its picture and the texts of its table, each figure with its number."""
    view, texts = shown.view, [shown.fault]
    if view is None:
        return SHARED_VIEW_OVERHEAD_BYTES + len(shown.fault)
    texts += [view.heading, view.picture.address if view.picture else "", *view.trend.series]
    texts += [each for time, label, figures in view.rows for each in (time, label, *figures)]
    return SHARED_VIEW_OVERHEAD_BYTES + sum(len(each) + _TEXT_BYTES for each in texts)
