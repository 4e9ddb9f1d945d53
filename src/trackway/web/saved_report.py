"""A saved report as pages read and name it."""

from datetime import date
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from starlette.datastructures import FormData

from trackway.domain.errors import RequestError
from trackway.edge.access.change_queue import Changes
from trackway.projects.saved import Bookmark, Creator, check_description, check_saved_name
from trackway.web.bookmark_form import NotExpressible
from trackway.web.forms import text
from trackway.web.page import Page
from trackway.web.report_kinds import KINDS

PATH: Final = "/reports"
REPORT_FIELD: Final = "report"
"""The field of a report page's address that names the saved report which is open there."""
DONE: Final = {
    "saved": "The report is saved.",
    "changed": "The report is changed.",
    "replaced": "The report has the question that you chose.",
    "deleted": "The report is deleted.",
}
_ID_MAX: Final = 2**31 - 1


class Opening(NamedTuple):
    """Where a saved report opens. `address` is "" where no page can hold it, and `reason` says why."""

    address: str
    reason: str = ""


def done_of(page: Page) -> str:
    """What the address says was done."""
    return DONE.get(page.request.query_params.get("done", ""), "")


def id_of(text: str, noun: str = "report") -> int:
    """The id in an address or a form. Raises RequestError 404 for what cannot be one."""
    if not (text.isascii() and text.isdigit() and len(text) < 11 and int(text) <= _ID_MAX):
        raise RequestError(404, f"this project has no such {noun}")
    return int(text)


def creator_of(page: Page) -> Creator:
    """The visitor, as who saves something."""
    return Creator(page.visitor.account_id, page.visitor.name)


def described(form: FormData) -> dict[str, Any]:
    """The columns of a form that names and describes something saved. Raises InvalidInput."""
    return {
        "name": check_saved_name(text(form, "name").strip()),
        "description": check_description(text(form, "description").strip()),
    }


async def report_of(page: Page, changes: Changes, number: int) -> Bookmark:
    """The saved report of that id. Raises RequestError 404 where the project has none, and 503."""
    project_id = page.project.project_id
    return await changes.run(lambda opened: opened.saved.one(Bookmark, project_id, number), page.author)


async def open_report(page: Page, changes: Changes) -> Bookmark | None:
    """The saved report that the address of a report page names. None for none, and for one that was deleted."""
    try:
        return await report_of(page, changes, id_of(page.request.query_params.get(REPORT_FIELD, "")))
    except RequestError as error:
        if error.status != 404:
            raise
        return None


def opening_of(page: Page, report: Bookmark, today: date) -> Opening:
    """Where the report opens as a form."""
    kind = KINDS.get(report.type)
    if kind is None:
        return Opening("", f"no page shows reports of type {report.type} yet")
    try:
        query = kind.query_of(report.params, today)
    except NotExpressible as error:
        return Opening("", str(error))
    return Opening(f"{page.url(kind.path)}?{query}&{urlencode({REPORT_FIELD: report.bookmark_id})}")
