"""The page of a link: a report or a dashboard for everybody who has its address, without a session.

It shows aggregates alone, from answers that are a few minutes old at most. Search engines are asked to leave it out,
and a browser names it to no other site.
"""

import asyncio
from functools import partial
from typing import Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from trackway.domain.errors import RequestError
from trackway.edge.access.client_address import networks
from trackway.edge.access.peers import Peers
from trackway.edge.routes import Parts
from trackway.projects.audit import SERVER
from trackway.projects.cards import Card
from trackway.projects.project import Project
from trackway.projects.saved import Bookmark
from trackway.query.sql.days import Days
from trackway.web.bookmark_answer import Asking
from trackway.web.limits import DASHBOARD_CARDS_AT_ONCE
from trackway.web.report_cards import CardView, card_view
from trackway.web.share_rules import check_shareable, check_values
from trackway.web.shared_link import Links
from trackway.web.shared_views import SharedViews
from trackway.web.templating import draw
from trackway.web.visit_limits import VisitLimits

PATH: Final = "/shared"
HEADERS: Final = {"x-robots-tag": "noindex, nofollow", "referrer-policy": "no-referrer"}


class ShownCard(NamedTuple):
    """A report on the page."""

    card: Card
    name: str
    view: CardView


class SharedPages:
    """The page of PATH with a token. For one event loop."""

    def __init__(self, parts: Parts):
        self._parts = parts
        self._links = Links(parts.directory, parts.changes)
        self._views = SharedViews()
        self._limits = VisitLimits()
        self._peers = Peers(networks(parts.settings.trusted_proxies))

    async def show(self, request: Request) -> Response:
        """Raises HTTPException 404 for a token that opens nothing now, RequestError 429 and 503."""
        peer = self._peers.of(request.scope)
        self._limits.visit(peer)
        found = await self._links.find(request.path_params["token"], partial(self._limits.guess, peer))
        if found is None:
            raise HTTPException(404, headers=HEADERS)
        shared, project = found
        places = asyncio.Semaphore(DASHBOARD_CARDS_AT_ONCE)
        cards = await asyncio.gather(*(self._shown(project, *each, places) for each in shared.reports))
        days = Days.of(project.time_zone, project.week_start)
        values = {"visitor": None, "csrf": "", "page": None, "title": shared.title}
        response = draw(
            "shared.html", self._parts.settings, 200, days, cards=cards, shared=shared, zone=days.zone, **values
        )
        response.headers.update(HEADERS)
        return response

    async def _shown(self, project: Project, card: Card, report: Bookmark, places: asyncio.Semaphore) -> ShownCard:
        try:
            check_shareable(report.type, report.params)
        except RequestError as error:
            return ShownCard(card, report.name, CardView(None, error.message, 0))
        zone = (project.project_id, project.time_zone, project.week_start)
        key = (*zone, report.bookmark_id, report.name, report.params)
        async with places:
            view = await self._views.view(key, lambda: self._asked(project, report))
        return ShownCard(card, report.name, view)

    async def _asked(self, project: Project, report: Bookmark) -> CardView:
        parts = self._parts
        asking = Asking(parts.readers.reports, project, parts.changes, SERVER, for_strangers=True)
        shown = await card_view(asking, report, parts.rates)
        try:
            if shown.view is not None:
                check_values(shown.view.trend.series)
        except RequestError as error:
            return CardView(None, error.message, shown.as_of_ms)
        return shown
