"""Ingestion health: what became of the records of the last hour or day, why some were refused, and how the server is.

Of every record that was received exactly one of four things became, and the figures add up. They are read from the
store; while it is away the page still tells how the parts of the server are.
"""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from starlette.responses import Response

from trackway import metrics
from trackway.errors import StorageError
from trackway.journal import segment
from trackway.query import outcomes
from trackway.query.outcomes import OUTCOMES, Bucket
from trackway.web.advice import advice
from trackway.web.chart import bars, data_uri
from trackway.web.page import Page, render

PATH: Final = "/health"


class _Span(NamedTuple):
    """What a picture shows: `bars` bars of `step_s` seconds each."""

    name: str
    step_s: int
    bars: int
    step: str


_SPANS: Final = (_Span("hour", 60, 60, "a minute"), _Span("day", 900, 96, "each quarter of an hour"))


async def show(page: Page) -> Response:
    name = page.request.query_params.get("span", "")
    span = next((each for each in _SPANS if each.name == name), _SPANS[0])
    readiness = await page.parts.health.readiness()
    counted, fault = None, readiness.store_fault
    if not fault:
        try:
            counted = await asyncio.to_thread(_counted, page, span)
        except StorageError as error:
            fault = str(error)
    journal_bytes, lag_s = await asyncio.to_thread(_journal, page)
    return render(
        page,
        "health.html",
        span=span,
        spans=_SPANS,
        counted=counted,
        readiness=readiness,
        fault=fault,
        lag_s=lag_s,
        journal_bytes=journal_bytes,
        database=page.parts.locator.database,
        uses=page.parts.rates.uses(page.project),
        now_s=time.time(),
        advice=advice,
    )


def _counted(page: Page, span: _Span) -> dict[str, Any]:
    store, of, now_s = page.parts.store, page.project.project_id, int(time.time())
    found = outcomes.buckets(store, of, now_s, span.step_s, span.bars)
    return {
        "buckets": found,
        "total": outcomes.total(found),
        "reasons": outcomes.rejected_for(store, of, found[0].begin_s),
        "picture": _picture(found, span) if any(each.received for each in found) else "",
    }


def _picture(buckets: list[Bucket], span: _Span) -> str:
    labels = [datetime.fromtimestamp(each.begin_s, UTC).strftime("%H:%M") for each in buckets]
    series = {outcome: [getattr(each, outcome) for each in buckets] for outcome in OUTCOMES}
    return data_uri(bars(f"Records received {span.step} (UTC)", labels, series))


def _journal(page: Page) -> tuple[int, float]:
    """Bytes that the journal takes on the disk, and how far the store is behind it, in seconds."""
    return segment.bytes_on_disk(page.parts.settings.data_dir / "journal"), metrics.lag_s()
