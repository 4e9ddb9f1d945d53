"""The list of projects, where one begins after signing in; the admin makes new ones there."""

from typing import Final

from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from trackway.edge.routes import Parts
from trackway.errors import RequestError
from trackway.identity import IDENTITY_MODES
from trackway.limits import PROJECTS_UNSEARCHED_MAX, WEB_ROWS_MAX
from trackway.web import mount
from trackway.web.drawing import draw
from trackway.web.forms import text
from trackway.web.session import Session

PATH: Final = "/projects"


def draw_list(parts: Parts, session: Session, search: str = "", refused: RequestError | None = None) -> Response:
    """The projects that the visitor may see, of all or of those with `search` in their name in either case, with their
    role in each, and why a new one was not made."""
    visitor = session.visitor
    seen = [project for project in parts.directory.projects() if visitor.knows(project.project_id)]
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
    return draw("projects.html", parts.settings, status, **shown)


async def create(parts: Parts, session: Session, form: FormData) -> Response:
    """A new project of this server's region, which opens. Raises RequestError 403 for everybody but the admin."""
    if session.visitor.roles is not None:
        raise RequestError(403, "projects are made by the admin")
    name, mode, region = text(form, "name").strip(), text(form, "identity_mode"), parts.settings.region
    try:
        created = await parts.changes.run(lambda opened: opened.projects.create(name, region, mode))
    except RequestError as error:
        return draw_list(parts, session, refused=error)
    return RedirectResponse(f"{parts.settings.path_prefix}{mount.PATH}{PATH}/{created.project_id}/", 303)
