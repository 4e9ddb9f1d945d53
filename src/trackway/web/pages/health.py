"""Ingestion health: the outcomes of the records of the last hour or day, reasons of rejection, and the server's state.

Every received record has exactly one of four outcomes, and the figures add up. They are from the store. While it is
away, the page still shows the state of the server's parts.
"""

import asyncio
import time
from typing import Any, Final, NamedTuple

from starlette.responses import Response

from trackway.domain.errors import RequestError, StorageError
from trackway.edge.access.change_queue import Changes
from trackway.edge.api.health import Health
from trackway.edge.quotas.rate_limits import RateLimits
from trackway.geo.locator import Locator
from trackway.journal.log import Progress
from trackway.projects.roles import Right
from trackway.query import ingestion_stats
from trackway.query.damage_log import damaged
from trackway.query.facts_state import state_of
from trackway.query.ingestion_stats import OUTCOMES, Bucket
from trackway.query.sql.days import Days
from trackway.runtime.ageing_holds import holds
from trackway.runtime.disk_room import DiskRoom
from trackway.runtime.last_backup import last_backup
from trackway.runtime.last_exports import last_exports
from trackway.runtime.thread_priority import may_raise_priority
from trackway.telemetry import metrics
from trackway.web.chart import Chart, chart, top_of
from trackway.web.limits import ALERT_FAILURES_SHOWN_S, CUT_BARS_SHOWN_MAX
from trackway.web.page import Page, render
from trackway.web.troubleshooting import advice

PATH: Final = "/health"


class _Span(NamedTuple):
    """The time span of a picture: `bars` bars of `step_s` seconds each."""

    name: str
    step_s: int
    bars: int
    step: str


_SMALL_HEIGHT: Final = 190
_SPANS: Final = (_Span("hour", 60, 60, "a minute"), _Span("day", 900, 96, "each quarter of an hour"))


async def show(
    page: Page,
    *,
    health: Health,
    progress: Progress,
    rates: RateLimits,
    room: DiskRoom,
    locator: Locator,
    changes: Changes,
) -> Response:
    name = page.request.query_params.get("span", "")
    span = next((each for each in _SPANS if each.name == name), _SPANS[0])
    readiness = await health.readiness()
    counted, fault = None, readiness.store_fault
    if not fault:
        try:
            counted = await _counted(page, span)
        except StorageError as error:
            fault = str(error)
    journal_bytes, lag_s = await asyncio.to_thread(_journal, progress)
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
        disk=room.tightest(),
        is_held=bool(room.refusal()),
        stored_bytes=room.stored,
        database=locator.database,
        uses=rates.uses(page.project),
        backup=last_backup(page.settings.run_dir),
        holds=holds(page.settings.run_dir),
        exports_every=page.settings.export_every,
        exported=last_exports(page.settings.run_dir).get(page.project.project_id),
        has_own_store=not page.settings.store_url,
        has_priorities=may_raise_priority(),
        now_s=time.time(),
        cut_shown=CUT_BARS_SHOWN_MAX,
        advice=advice,
        alerts_failed=await _alerts_failed(page, changes),
    )


async def _alerts_failed(page: Page, changes: Changes) -> int:
    """How many messages of alerts were given up lately; 0 for a visitor who may not see alerts."""
    if not page.visitor.may(page.project.project_id, Right.ALERTS):
        return 0
    number, since_ms = page.project.project_id, int((time.time() - ALERT_FAILURES_SHOWN_S) * 1000)
    try:
        return await changes.run(lambda opened: opened.alerts.failed_since(number, since_ms), page.author)
    except RequestError as error:
        if error.status != 503:
            raise
        return 0  # the page shows what else it can while the projects database is away


async def _counted(page: Page, span: _Span) -> dict[str, Any]:
    reader, of, now_s = page.reader, page.project.project_id, int(time.time())
    found = await ingestion_stats.buckets(reader, of, now_s, span.step_s, span.bars)
    return {
        "damaged": await damaged(reader, of),
        "facts": await state_of(reader, of),
        "buckets": found,
        "total": ingestion_stats.total(found),
        "reasons": await ingestion_stats.rejected_for(reader, of, found[0].begin_s),
        **await _pictures(found, span, page.days),
    }


async def _pictures(buckets: list[Bucket], span: _Span, days: Days) -> dict[str, Any]:
    """The pictures of all records and of the rejected ones, and the outliers, which are `cut`."""
    labels = [f"{days.local(each.begin_s * 1000):%H:%M}" for each in buckets]
    series = {outcome: [getattr(each, outcome) for each in buckets] for outcome in OUTCOMES}
    top = top_of([each.received for each in buckets])
    picture = rejected = None
    if any(each.received for each in buckets):
        picture = await chart(f"Records received {span.step}", labels, series, top=top)
    if any(series["rejected"]):
        rejected = await _rejected(labels, series["rejected"], span)
    cut = [each for each in buckets if top is not None and each.received > top]
    return {"picture": picture, "rejected_picture": rejected, "top": top, "cut": cut}


async def _rejected(labels: list[str], figures: list[int], span: _Span) -> Chart:
    """The picture of the rejected records, in their color in the picture of all records."""
    title, color = f"Rejected {span.step}", OUTCOMES.index("rejected")
    return await chart(
        title, labels, {"rejected": figures}, top=top_of(figures), height=_SMALL_HEIGHT, first_color=color
    )


def _journal(progress: Progress) -> tuple[int, float]:
    """The bytes of the journal, and the store's lag behind it in seconds."""
    return progress.size_bytes(), metrics.lag_s()
