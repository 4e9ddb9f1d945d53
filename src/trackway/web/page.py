"""A page of a project: what its function gets, what it gives, and how it is registered.

The site has looked at everything before a page function is called: who asks, that the project is theirs to see, that
they have the right, and, for a POST, that the form is our own.
"""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from trackway.edge.routes import Parts
from trackway.limits import WEB_FORM_BYTES_MAX
from trackway.projects.project import Project
from trackway.projects.roles import Right
from trackway.web import mount
from trackway.web.address import server_address
from trackway.web.drawing import draw
from trackway.web.visitor import Visitor


class Page(NamedTuple):
    """One request for a page of a project.

    `parts`: what the edge process has one of. `csrf`: for every form, as a hidden field of that name, or the header
    `X-CSRF-Token` of a fetch. `form`: the fields of a POST. `title` is the route's; `navigation` are the routes that
    this visitor may open.
    """

    request: Request
    visitor: Visitor
    project: Project
    parts: Parts
    csrf: str
    form: FormData = FormData()
    title: str = ""
    navigation: tuple["PageRoute", ...] = ()

    def url(self, path: str, **query: str) -> str:
        """A link below this project, prefix included: `page.url("/events", event="Sign up")`."""
        base = f"{self.parts.settings.path_prefix}{mount.PATH}/projects/{self.project.project_id}{quote(path)}"
        return f"{base}?{urlencode(query)}" if query else base

    def may(self, right: Right) -> bool:
        """Whether the visitor has the right in this project."""
        return self.visitor.may(self.project.project_id, right)

    @property
    def server_address(self) -> str:
        """What an SDK is to be pointed at: scheme, host and path prefix by which this page was asked for."""
        return server_address(self.request, self.parts.settings)


PageFunction = Callable[[Page], Awaitable[Response]]


class PageRoute(NamedTuple):
    """`path` below the project, with parameters as starlette writes them (`/users/{distinct_id:path}`).

    `right` is what a visitor needs for any of the methods. `in_navigation`: whether every page links to it, by its
    title. `form_bytes_max` bounds the body of a POST.
    """

    path: str
    methods: tuple[str, ...]
    function: PageFunction
    right: Right
    title: str
    in_navigation: bool
    form_bytes_max: int = WEB_FORM_BYTES_MAX


def render(page: Page, template: str, /, *, status: int = 200, **values: Any) -> Response:
    """The page, drawn by a template of `templates/`, which sees `page` and the values; a value that is missing is an
    error."""
    shown = {"visitor": page.visitor, "csrf": page.csrf, "page": page, "title": page.title}
    return draw(template, page.parts.settings, status, **shown, **values)
