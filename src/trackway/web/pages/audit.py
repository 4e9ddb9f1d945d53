"""The audit: who did what, when, and from which address. A project's for its owners, the server's for the admin."""

from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from trackway.edge.access.change_queue import Changes
from trackway.projects.audit import SERVER, Entry
from trackway.projects.project_lookup import ProjectDirectory
from trackway.settings.table import Settings
from trackway.web.limits import AUDIT_PAGE_ROWS
from trackway.web.page import Page, render
from trackway.web.session import Session
from trackway.web.templating import draw

PATH = "/audit"


class Row(NamedTuple):
    """An entry on the page. `project` is its name, or its id after it was deleted."""

    entry: Entry
    project: str


async def show(page: Page, *, directory: ProjectDirectory, changes: Changes) -> Response:
    """The actions in the project, and the sessions of its members."""
    members = [account.username for account in directory.members(page.project.project_id)]
    entries = await _entries(changes, page.request, page.project.project_id, members)
    found = _shown(entries, page.request, directory, page.settings)
    return render(page, "audit.html", address=page.url(PATH), whole=False, **found)


async def show_all(
    session: Session,
    request: Request,
    address: str,
    *,
    settings: Settings,
    directory: ProjectDirectory,
    changes: Changes,
) -> Response:
    """The actions on the server, for the admin alone."""
    found = _shown(await _entries(changes, request, None, []), request, directory, settings)
    nobodys: dict[str, Any] = {"visitor": session.visitor, "csrf": session.csrf, "page": None, "title": "Audit"}
    return draw("audit.html", settings, 200, address=address, whole=True, **nobodys, **found)


def _before(request: Request) -> int | None:
    """The id of the entry before which the page begins. None for the newest page."""
    given = request.query_params.get("before", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else None


async def _entries(changes: Changes, request: Request, project_id: int | None, members: list[str]) -> list[Entry]:
    """The entries of a page, and one more if there are older ones."""
    before = _before(request)
    return await changes.run(
        lambda opened: opened.projects.audit(AUDIT_PAGE_ROWS + 1, before, project_id, members), SERVER
    )


def _shown(entries: list[Entry], request: Request, directory: ProjectDirectory, settings: Settings) -> dict[str, Any]:
    names = {project.project_id: project.name for project in directory.projects()}
    rows = [_row(each, names) for each in entries[:AUDIT_PAGE_ROWS]]
    older = str(rows[-1].entry.entry_id) if len(entries) > AUDIT_PAGE_ROWS else ""
    is_first = _before(request) is None
    return {"rows": rows, "older": older, "is_first": is_first, "days": settings.audit_retention_days}


def _row(entry: Entry, names: dict[int, str]) -> Row:
    number = entry.project_id
    project = "" if number is None else names.get(number, f"project {number}")
    return Row(entry, project)
