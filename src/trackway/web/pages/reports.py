"""Saved reports: the list, one of them, and the forms that save, change and delete them.

They are the bookmarks of the API: a client asks for one by `bookmark_id`. A report opens in the page that made it. One
whose definition no form can hold, as a client of the API may save it, is shown with its result, read-only.
"""

import json
import time
from collections.abc import Callable
from datetime import date
from typing import Any, Final

from starlette.datastructures import QueryParams
from starlette.responses import RedirectResponse, Response

from trackway.domain.errors import RequestError
from trackway.edge.access.change_queue import Changes, Opened
from trackway.projects.limits import BOOKMARKS_MAX
from trackway.projects.saved import BOOKMARK_TYPES, Bookmark, check_object
from trackway.web.bookmark_answer import Asking, answer_bookmark
from trackway.web.forms import text
from trackway.web.limits import SAVED_REPORTS_PER_PAGE
from trackway.web.page import Page, render
from trackway.web.report_address import with_fields
from trackway.web.report_cards import VIEWS, insights_view
from trackway.web.report_kinds import KINDS
from trackway.web.report_run import curl_text, sql_text
from trackway.web.report_view import View
from trackway.web.saved_report import DONE, PATH, creator_of, described, done_of, id_of, opening_of, report_of

INSIGHTS: Final = "insights"


async def show(page: Page, *, changes: Changes) -> Response:
    """The list. `search` is a part of a name, a description or a maker, in either case."""
    query, project_id = page.request.query_params, page.project.project_id
    search, type = query.get("search", "").strip(), query.get("type", "")
    every = await changes.run(lambda opened: opened.saved.all(Bookmark, project_id), page.author)
    found = [each for each in every if (not type or each.type == type) and _matches(each, search.casefold())]
    pages = max(1, -(-len(found) // SAVED_REPORTS_PER_PAGE))
    number = _page_number(query.get("page", "1"), pages)
    first = (number - 1) * SAVED_REPORTS_PER_PAGE
    ordered = sorted(found, key=lambda each: (each.name.casefold(), each.bookmark_id))
    return render(
        page,
        "reports.html",
        done=done_of(page),
        reports=ordered[first : first + SAVED_REPORTS_PER_PAGE],
        count=len(every),
        found=len(found),
        most=BOOKMARKS_MAX,
        first=first,
        newer="?" + with_fields(query, page=str(number - 1), done=None) if number > 1 else "",
        older="?" + with_fields(query, page=str(number + 1), done=None) if number < pages else "",
        search=search,
        type=type,
        types=[("", "Every type"), *((each, each) for each in BOOKMARK_TYPES)],
        offered=[kind for kind in KINDS.values() if page.may_open(kind.path)],
    )


def _page_number(text: str, pages: int) -> int:
    """The page, the last one for a number beyond it, since reports may have been deleted. Raises RequestError 400."""
    if not text.isascii() or not text.isdigit() or len(text) > 6 or not int(text):
        raise RequestError(400, "page must be a whole number from 1 on")
    return min(int(text), pages)


async def one(page: Page, *, changes: Changes) -> Response:
    """A redirect to the page that the report opens in. `view=result` shows its result here instead."""
    report, today = await _named(page, changes), _today(page)
    opening = opening_of(page, report, today)
    if opening.address and page.request.query_params.get("view") != "result":
        done = page.request.query_params.get("done", "")
        return RedirectResponse(opening.address + (f"&done={done}" if done in DONE else ""), 303)
    view: View | None = None
    fault, sql = "", ""
    asking = Asking(page.reader, page.project, changes, page.author, with_notes=True)
    try:
        if report.type == INSIGHTS:
            answered = await answer_bookmark(asking, report.params)
            view = await insights_view(asking, report, answered.answer)
            sql = sql_text(answered.statements)
        elif report.type in VIEWS:
            view = await VIEWS[report.type](asking, report)
    except RequestError as error:
        fault = error.message
    return render(
        page,
        "report.html",
        done=done_of(page),
        saved=report,
        opening=opening,
        view=view,
        fault=fault,
        as_of_ms=time.time_ns() // 1_000_000,
        definition=_pretty(report.params),
        sql=sql,
        curl=curl_text(page, INSIGHTS, {"bookmark_id": report.bookmark_id}),
    )


async def save(page: Page, *, changes: Changes) -> Response:
    """The form on a report's page: a new saved report of its question."""
    type, question = text(page.form, "type"), _question(page)
    project_id, creator = page.project.project_id, creator_of(page)

    def create(opened: Opened) -> Bookmark:
        columns = {**described(page.form), "type": type, "params": check_object("the report", question)}
        return opened.saved.create(Bookmark, project_id, columns, creator)

    made = await changes.run(create, page.author)
    return _to(page, made.bookmark_id, "saved")


async def change(page: Page, *, changes: Changes) -> Response:
    """The form that renames and describes a report."""
    return await _changed(page, changes, lambda: described(page.form), "changed")


async def replace(page: Page, *, changes: Changes) -> Response:
    """The form that gives a report the question of the page that it is open in."""
    report, question = await _named(page, changes), _question(page)
    if report.type != text(page.form, "type"):
        raise RequestError(400, f"this report is of type {report.type}, which does not change")
    return await _changed(page, changes, lambda: {"params": check_object("the report", question)}, "replaced")


async def delete(page: Page, *, changes: Changes) -> Response:
    """The form that deletes a report."""
    number, project_id = id_of(page.request.path_params["report"]), page.project.project_id
    await changes.run(lambda opened: opened.saved.delete(Bookmark, project_id, number), page.author)
    return RedirectResponse(page.url(PATH, done="deleted"), 303)


async def _changed(page: Page, changes: Changes, columns: Callable[[], dict[str, Any]], done: str) -> Response:
    """`columns` runs in the thread of changes, which makes refusals of its InvalidInput."""
    number, project_id = id_of(page.request.path_params["report"]), page.project.project_id
    await changes.run(lambda opened: opened.saved.change(Bookmark, project_id, number, columns()), page.author)
    return _to(page, number, done)


async def _named(page: Page, changes: Changes) -> Bookmark:
    return await report_of(page, changes, id_of(page.request.path_params["report"]))


def _to(page: Page, number: int, done: str) -> Response:
    return RedirectResponse(page.url(f"{PATH}/{number}", done=done), 303)


def _question(page: Page) -> str:
    """The definition of the question in the form, as JSON. Raises RequestError 400."""
    kind = KINDS.get(text(page.form, "type"))
    if kind is None:
        raise RequestError(400, f"type must be one of {', '.join(KINDS)}")
    question = QueryParams(text(page.form, "question"))
    return json.dumps(kind.params_of(question, _today(page)), ensure_ascii=False)


def _today(page: Page) -> date:
    return page.days.day_of(time.time_ns() // 1_000_000)


def _matches(report: Bookmark, search: str) -> bool:
    texts = (report.name, report.description, report.made.creator_name)
    return any(search in each.casefold() for each in texts)


def _pretty(params: str) -> str:
    try:
        return json.dumps(json.loads(params), indent=2, ensure_ascii=False)
    except RecursionError:  # hundreds of levels, which a client may save
        return params
