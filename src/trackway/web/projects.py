"""The list of projects: where one begins after signing in."""

from starlette.responses import Response

from trackway.edge.routes import Parts
from trackway.web.drawing import draw
from trackway.web.session import Session


def draw_list(parts: Parts, session: Session) -> Response:
    """The projects that the visitor may see, with their role in each."""
    visitor = session.visitor
    seen = [project for project in parts.directory.projects() if visitor.knows(project.project_id)]
    roles = {each.project_id: visitor.roles[each.project_id] if visitor.roles is not None else "admin" for each in seen}
    shown = {"visitor": visitor, "csrf": session.csrf, "page": None, "title": "Projects"}
    return draw("projects.html", parts.settings, 200, **shown, projects=seen, roles=roles)
