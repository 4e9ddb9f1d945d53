"""The checklist "my events don't appear", gone through for one project with what the server knows of it."""

import asyncio
import time
from typing import Final

from starlette.responses import Response

from trackway import metrics
from trackway.projects.roles import Right
from trackway.query import outcomes
from trackway.web.checklist import Counted, Facts, Token, checks
from trackway.web.page import Page, render

PATH: Final = "/checklist"
_DAY_S: Final = 86_400


async def show(page: Page) -> Response:
    token = page.request.query_params.get("token", "").strip()
    readiness = await page.parts.health.readiness()
    facts = Facts(
        _looked_up(page, token),
        page.project.region,
        page.parts.settings.region,
        page.parts.rates.uses(page.project),
        readiness,
        await asyncio.to_thread(metrics.lag_s),
        None if readiness.store_fault else await asyncio.to_thread(_counted, page),
    )
    return render(page, "checklist.html", checks=checks(facts), token=token, may_see_rejected=page.may(Right.EXPORT))


def _counted(page: Page) -> Counted:
    store, of, now_s = page.parts.store, page.project.project_id, int(time.time())
    # What names no project may be anybody's, so only who sees all projects is told of it.
    sees_all = page.visitor.roles is None
    return Counted(
        outcomes.total(outcomes.buckets(store, of, now_s, 60, 60)),
        outcomes.total(outcomes.buckets(store, of, now_s, 900, 96)),
        outcomes.arrivals(store, of),
        outcomes.rejected_for(store, of, now_s - _DAY_S),
        outcomes.rejected_of_nobody(store, now_s - _DAY_S) if sees_all else (),
    )


def _looked_up(page: Page, token: str) -> Token:
    """What a token is to this project; nothing is said of others."""
    if not token:
        return "missing"
    found = page.parts.directory.by_token(token)
    if found is None or found.project_id != page.project.project_id:
        return "other"
    return "own" if token == found.token else "old"
