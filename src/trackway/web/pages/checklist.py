"""The page of the checklist "my events don't appear": it collects the facts about one project."""

import asyncio
import time
from typing import Final

from starlette.responses import Response

from trackway.edge.api.health import Health
from trackway.edge.quotas.rate_limits import RateLimits
from trackway.http.connections import Connections
from trackway.projects.project_lookup import ProjectDirectory
from trackway.projects.roles import Right
from trackway.query import ingestion_stats
from trackway.telemetry import metrics
from trackway.web.checklist_rules import Counted, Facts, Forwarded, Token, checks
from trackway.web.page import Page, render

PATH: Final = "/checklist"
_DAY_S: Final = 86_400


async def show(
    page: Page, *, directory: ProjectDirectory, health: Health, rates: RateLimits, connections: Connections
) -> Response:
    token = page.request.query_params.get("token", "").strip()
    readiness = await health.readiness()
    facts = Facts(
        _looked_up(page, directory, token),
        page.project.region,
        page.settings.region,
        rates.uses(page.project),
        readiness,
        await asyncio.to_thread(metrics.lag_s),
        None if readiness.store_fault else await _counted(page),
        await asyncio.to_thread(_forwarded, time.time()),
        connections.crowd(),
    )
    return render(page, "checklist.html", checks=checks(facts), token=token, may_see_rejected=page.may(Right.EXPORT))


async def _counted(page: Page) -> Counted:
    reader, of, now_s = page.reader, page.project.project_id, int(time.time())
    # A record without a known project may be anybody's, so only a visitor who sees all projects sees it.
    sees_all = page.visitor.roles is None
    return Counted(
        ingestion_stats.total(await ingestion_stats.buckets(reader, of, now_s, 60, 60)),
        ingestion_stats.total(await ingestion_stats.buckets(reader, of, now_s, 900, 96)),
        await ingestion_stats.arrivals(reader, of),
        await ingestion_stats.rejected_for(reader, of, now_s - _DAY_S),
        await ingestion_stats.rejected_of_nobody(reader, now_s - _DAY_S) if sees_all else (),
    )


def _forwarded(now_s: float) -> Forwarded:
    private_s, public_s = metrics.forwarded_unheeded_s("private"), metrics.forwarded_unheeded_s("public")
    return Forwarded(now_s - private_s if private_s else None, now_s - public_s if public_s else None)


def _looked_up(page: Page, directory: ProjectDirectory, token: str) -> Token:
    """The relation of a token to this project. It says nothing about other projects."""
    if not token:
        return "missing"
    found = directory.by_token(token)
    if found is None or found.project_id != page.project.project_id:
        return "other"
    return "own" if token == found.token else "old"
