"""The list of projects: the first page after a sign-in. The admin makes new projects there."""

from typing import Final

from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from trackway.domain.errors import RequestError
from trackway.domain.identity_mode import IDENTITY_MODES
from trackway.edge.access.change_queue import Changes
from trackway.edge.routes import PAGES_PATH
from trackway.projects.audit import Author
from trackway.projects.project_lookup import ProjectDirectory
from trackway.settings.table import Settings
from trackway.web.forms import text
from trackway.web.limits import PROJECTS_UNSEARCHED_MAX, WEB_ROWS_MAX
from trackway.web.session import Session
from trackway.web.templating import draw

PATH: Final = "/projects"


def draw_list(
    settings: Settings,
    directory: ProjectDirectory,
    session: Session,
    search: str = "",
    refused: RequestError | None = None,
) -> Response:
    """The projects that the visitor may see, with the visitor's role in each, and the reason why a new one was refused.
    `search` restricts them to those with this text in their name, in either case."""
    visitor = session.visitor
    seen = [project for project in directory.projects() if visitor.knows(project.project_id)]
    found = [project for project in seen if search.casefold() in project.name.casefold()]
    status, problem = (refused.status, refused.message) if refused else (200, "")
    shown = {
        "visitor": visitor,
        "csrf": session.csrf,
        "page": None,
        "title": "Projects",
        "projects": found[:WEB_ROWS_MAX],
        "count": len(found),
        "search": search,
        "is_searched": bool(search) or len(seen) > PROJECTS_UNSEARCHED_MAX,
        "may_create": visitor.roles is None,
        "modes": [(mode, mode) for mode in IDENTITY_MODES],
        "problem": problem,
    }
    return draw("projects.html", settings, status, **shown)


async def create(
    session: Session,
    form: FormData,
    author: Author,
    *,
    settings: Settings,
    directory: ProjectDirectory,
    changes: Changes,
) -> Response:
    """Make a project in this server's region, and open it. Raises RequestError 403 for all but the admin."""
    if session.visitor.roles is not None:
        raise RequestError(403, "projects are made by the admin")
    name, mode, region = text(form, "name").strip(), text(form, "identity_mode"), settings.region
    try:
        created = await changes.run(lambda opened: opened.projects.create(name, region, mode), author)
    except RequestError as error:
        return draw_list(settings, directory, session, refused=error)
    return RedirectResponse(f"{settings.path_prefix}{PAGES_PATH}{PATH}/{created.project_id}/", 303)
