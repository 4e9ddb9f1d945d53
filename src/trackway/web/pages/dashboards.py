"""Dashboards: saved reports on one page, arranged by the project's people.

The page itself asks nothing, so it is there at once. A script asks for its cards, a few at a time. Without scripts the
page leads to the same page with all cards in it.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from starlette.responses import HTMLResponse, RedirectResponse, Response

from trackway.domain.errors import RequestError
from trackway.edge.access.change_queue import Changes, Opened
from trackway.edge.quotas.rate_limits import RateLimits
from trackway.projects.cards import Card, added, cards_of, moved
from trackway.projects.limits import DASHBOARDS_MAX
from trackway.projects.saved import Bookmark, Dashboard
from trackway.store.reader import Reader
from trackway.web.bookmark_answer import Asking
from trackway.web.forms import text
from trackway.web.limits import DASHBOARD_CARDS_AT_ONCE
from trackway.web.page import Page, render
from trackway.web.report_cards import CardView, card_view
from trackway.web.saved_report import creator_of, described, id_of, report_of
from trackway.web.templating import fragment

PATH: Final = "/dashboards"
_NOUN: Final = "dashboard"


class Parts(NamedTuple):
    """What the pages of dashboards need: the thread of changes, the reader of reports, and their limits."""

    changes: Changes
    reader: Reader
    rates: RateLimits


class Shown(NamedTuple):
    """A card on the page. `report` is None for one that was deleted, `view` for a card that a script asks for."""

    card: Card
    report: Bookmark | None
    view: CardView | None = None


class Found(NamedTuple):
    """A dashboard, and saved reports of its project by id: those of its cards, or all."""

    dashboard: Dashboard
    reports: dict[int, Bookmark]

    @property
    def cards(self) -> list[Shown]:
        return [Shown(each, self.reports.get(each.report_id)) for each in cards_of(self.dashboard.cards)]


async def show_all(page: Page, *, parts: Parts) -> Response:
    """The list of dashboards, and the form that makes one. With `add` each has a button that adds that report."""
    project_id, asked = page.project.project_id, page.request.query_params.get("add", "")
    adding = await report_of(page, parts.changes, id_of(asked)) if asked and page.may_save else None
    found = await parts.changes.run(lambda opened: opened.saved.all(Dashboard, project_id), page.author)
    named = sorted(found, key=lambda each: (each.name.casefold(), each.dashboard_id))
    return render(
        page,
        "dashboards.html",
        dashboards=named,
        adding=adding,
        is_deleted="deleted" in page.request.query_params,
        most=DASHBOARDS_MAX,
    )


async def show(page: Page, *, parts: Parts) -> Response:
    """A dashboard. `complete=1` has the answers of all cards in the page."""
    found = await _found(page, parts)
    cards, is_complete = found.cards, page.request.query_params.get("complete") == "1"
    if is_complete:
        places = asyncio.Semaphore(DASHBOARD_CARDS_AT_ONCE)
        cards = await asyncio.gather(*(_answered(page, parts, each, places) for each in cards))
    return render(
        page,
        "dashboard.html",
        dashboard=found.dashboard,
        cards=cards,
        is_complete=is_complete,
        cards_at_once=DASHBOARD_CARDS_AT_ONCE,
    )


async def card(page: Page, *, parts: Parts) -> Response:
    """One card's answer, which the page's script inserts."""
    found, report_id = await _found(page, parts), id_of(page.request.path_params["report"])
    report = found.reports.get(report_id)
    if report is None:
        raise RequestError(404, "this dashboard has no such report")
    view = await card_view(_asking(page, parts), report, parts.rates)
    return HTMLResponse(fragment("dashboard_card.html", page.days, shown=view))


async def arrange(page: Page, *, parts: Parts) -> Response:
    """The page with the forms that add, move and remove cards, and that rename and delete the dashboard."""
    found = await _found(page, parts, every=True)
    on_it = {each.card.report_id for each in found.cards}
    free = [each for each in found.reports.values() if each.bookmark_id not in on_it]
    return render(
        page,
        "dashboard_arrange.html",
        dashboard=found.dashboard,
        cards=found.cards,
        choices=[(str(each.bookmark_id), each.name) for each in sorted(free, key=lambda each: each.name.casefold())],
    )


async def create(page: Page, *, parts: Parts) -> Response:
    """The form that makes a dashboard."""
    project_id, creator = page.project.project_id, creator_of(page)
    made = await parts.changes.run(
        lambda opened: opened.saved.create(Dashboard, project_id, {**described(page.form), "cards": []}, creator),
        page.author,
    )
    return RedirectResponse(page.url(f"{PATH}/{made.dashboard_id}/arrange"), 303)


async def rename(page: Page, *, parts: Parts) -> Response:
    """The form that names and describes a dashboard."""
    return await _changed(page, parts, lambda _, __: described(page.form))


async def add(page: Page, *, parts: Parts) -> Response:
    """The form that adds a saved report of the project."""
    project_id, is_wide = page.project.project_id, text(page.form, "width") == "wide"
    report_id = id_of(text(page.form, "report"))

    def with_it(opened: Opened, dashboard: Dashboard) -> dict[str, Any]:
        opened.saved.one(Bookmark, project_id, report_id)
        return {"cards": added(cards_of(dashboard.cards), report_id, is_wide=is_wide)}

    return await _changed(page, parts, with_it)


async def move(page: Page, *, parts: Parts) -> Response:
    """The buttons that move, widen and remove a card."""
    report_id, wanted = id_of(text(page.form, "report")), text(page.form, "move")
    return await _changed(
        page, parts, lambda _, dashboard: {"cards": moved(cards_of(dashboard.cards), report_id, wanted)}
    )


async def delete(page: Page, *, parts: Parts) -> Response:
    """The form that deletes a dashboard. Its reports stay."""
    number, project_id = _number(page), page.project.project_id
    await parts.changes.run(lambda opened: opened.saved.delete(Dashboard, project_id, number), page.author)
    return RedirectResponse(page.url(PATH, deleted="1"), 303)


async def _changed(page: Page, parts: Parts, columns: Callable[[Opened, Dashboard], dict[str, Any]]) -> Response:
    number, project_id = _number(page), page.project.project_id

    def change(opened: Opened) -> Dashboard:
        return opened.saved.change(Dashboard, project_id, number, lambda found: columns(opened, found))

    await parts.changes.run(change, page.author)
    return RedirectResponse(page.url(f"{PATH}/{number}/arrange"), 303)


async def _found(page: Page, parts: Parts, *, every: bool = False) -> Found:
    """The dashboard with the reports of its cards, or `every` report of the project. Raises RequestError 404 where the
    project has no such dashboard."""
    number, project_id = _number(page), page.project.project_id

    def find(opened: Opened) -> Found:
        dashboard = opened.saved.one(Dashboard, project_id, number)
        ids = None if every else [each.report_id for each in cards_of(dashboard.cards)]
        return Found(dashboard, {each.bookmark_id: each for each in opened.saved.all(Bookmark, project_id, ids)})

    return await parts.changes.run(find, page.author)


async def _answered(page: Page, parts: Parts, shown: Shown, places: asyncio.Semaphore) -> Shown:
    if shown.report is None:
        return shown
    async with places:
        try:
            return shown._replace(view=await card_view(_asking(page, parts), shown.report, parts.rates))
        except RequestError as error:  # too many reports run: the other cards are shown all the same
            return shown._replace(view=CardView(None, error.message, 0))


def _asking(page: Page, parts: Parts) -> Asking:
    return Asking(parts.reader, page.project, parts.changes, page.author, with_notes=True)


def _number(page: Page) -> int:
    return id_of(page.request.path_params["dashboard"], _NOUN)
