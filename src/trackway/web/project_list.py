"""The list of projects: the first page after a sign-in. The admin makes new projects there."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from trackway.domain.errors import RequestError
from trackway.domain.identity_mode import IDENTITY_MODES
from trackway.edge.access.change_queue import Changes
from trackway.edge.routes import PAGES_PATH
from trackway.projects.audit import Author
from trackway.projects.project import Project
from trackway.projects.project_lookup import ProjectDirectory
from trackway.query.ingestion_stats import Activity, activity
from trackway.settings.table import Settings
from trackway.store.errors import StoreError
from trackway.store.reader import Reader
from trackway.web.forms import text
from trackway.web.limits import PROJECTS_ACTIVE_MAX, PROJECTS_ACTIVE_S_MAX, PROJECTS_UNSEARCHED_MAX, WEB_ROWS_MAX
from trackway.web.session import Session
from trackway.web.templating import draw

PATH: Final = "/projects"
_DAY_S: Final = 86_400


async def show(
    settings: Settings,
    directory: ProjectDirectory,
    session: Session,
    search: str,
    reader: Reader,
    refused: RequestError | None = None,
) -> Response:
    """The projects that the visitor may see, with the visitor's role and the events of the last day in each, and the
    reason why a new one was refused. `search` restricts them to those with this text in their name, in either case."""
    visitor = session.visitor
    seen = [project for project in directory.projects() if visitor.knows(project.project_id)]
    found = [project for project in seen if search.casefold() in project.name.casefold()]
    status, problem = (refused.status, refused.message) if refused else (200, "")
    activities = await _activities(reader, found[:PROJECTS_ACTIVE_MAX])
    shown = {
        "visitor": visitor,
        "csrf": session.csrf,
        "page": None,
        "title": "Projects",
        "projects": [(each, activities.get(each.project_id)) for each in found[:WEB_ROWS_MAX]],
        "count": len(found),
        "search": search,
        "is_searched": bool(search) or len(seen) > PROJECTS_UNSEARCHED_MAX,
        "may_create": visitor.roles is None,
        "modes": [(mode, mode) for mode in IDENTITY_MODES],
        "problem": problem,
    }
    return draw("projects.html", settings, status, **shown)


async def _activities(reader: Reader, found: Sequence[Project]) -> dict[int, Activity]:
    """How lively projects are, by id. Without those that the store does not answer for in time: the list is there
    anyway."""
    since_s = int(time.time()) - _DAY_S

    async def one(project: Project) -> tuple[int, Activity] | None:
        try:
            return project.project_id, await activity(reader, project.project_id, since_s)
        except StoreError:
            return None

    try:
        async with asyncio.timeout(PROJECTS_ACTIVE_S_MAX):
            return dict(filter(None, await asyncio.gather(*map(one, found))))
    except TimeoutError:
        return {}


async def create(
    session: Session,
    form: FormData,
    author: Author,
    *,
    settings: Settings,
    directory: ProjectDirectory,
    changes: Changes,
    reader: Reader,
) -> Response:
    """Make a project in this server's region, and open it. Raises RequestError 403 for all but the admin."""
    if session.visitor.roles is not None:
        raise RequestError(403, "projects are made by the admin")
    name, mode, region = text(form, "name").strip(), text(form, "identity_mode"), settings.region
    try:
        created = await changes.run(lambda opened: opened.projects.create(name, region, mode), author)
    except RequestError as error:
        return await show(settings, directory, session, "", reader, refused=error)
    return RedirectResponse(f"{settings.path_prefix}{PAGES_PATH}{PATH}/{created.project_id}/", 303)
