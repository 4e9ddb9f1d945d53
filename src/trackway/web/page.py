"""A page of a project: the argument and the result of its function, and its route.

Before the site calls a page function, it has authenticated the visitor, and has checked that the visitor may see the
project and has the right. For a POST it has checked that the form is our own.
"""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from trackway.edge.routes import PAGES_PATH
from trackway.projects.audit import Author
from trackway.projects.project import Project
from trackway.projects.roles import ARCHIVED_RIGHTS, Right
from trackway.query.sql.days import Days
from trackway.settings.table import Settings
from trackway.store.reader import Reader
from trackway.web.limits import WEB_FORM_BYTES_MAX
from trackway.web.navigation import Group, groups_of
from trackway.web.public_url import server_address
from trackway.web.templating import draw
from trackway.web.visitor import Visitor


class Page(NamedTuple):
    """One request for a page of a project.

    `reader` queries the store. `address` is the client's. Every form has `csrf` in a hidden field of that name, or a
    fetch in its header `X-CSRF-Token`. `visitor_now` returns the visitor at this moment, None after the session has
    ended. `form` has the fields of a POST. `title` is the route's. `navigation` are the routes that this visitor may
    open.

    A page function gets other parts as keywords, which `pages_of` binds.
    """

    request: Request
    visitor: Visitor
    project: Project
    settings: Settings
    reader: Reader
    address: str
    csrf: str
    visitor_now: Callable[[], Visitor | None]
    form: FormData = FormData()
    title: str = ""
    navigation: tuple["PageRoute", ...] = ()

    def url(self, path: str, **query: str) -> str:
        """A link below this project, prefix included: `page.url("/events", event="Sign up")`."""
        base = f"{self.settings.path_prefix}{PAGES_PATH}/projects/{self.project.project_id}{quote(path)}"
        return f"{base}?{urlencode(query)}" if query else base

    @property
    def days(self) -> Days:
        """The days and weeks of the project, in its time zone."""
        return Days.of(self.project.time_zone, self.project.week_start)

    @property
    def groups(self) -> list[Group["PageRoute"]]:
        """The navigation in groups."""
        return groups_of(self.navigation)

    def may_open(self, path: str) -> bool:
        """Whether the visitor may open the page of that path in the navigation. Pages link only to those."""
        return any(each.path == path for each in self.navigation)

    def is_below(self, path: str) -> bool:
        """Whether this page is the page of that path in the navigation, or is below it."""
        base = self.url(path)
        return self.request.url.path == base or self.request.url.path.startswith(base + "/")

    def may(self, right: Right) -> bool:
        """Whether the visitor may use the right in this project now. An archived one is only read, and ended."""
        allowed = not self.project.is_archived or right in ARCHIVED_RIGHTS or right is Right.END
        return allowed and self.visitor.may(self.project.project_id, right)

    @property
    def may_save(self) -> bool:
        """Whether the visitor may save reports, dashboards and annotations."""
        return self.may(Right.SAVE)

    @property
    def may_export(self) -> bool:
        """Whether the visitor may take events away."""
        return self.may(Right.EXPORT)

    @property
    def may_erase(self) -> bool:
        """Whether the visitor may erase persons."""
        return self.may(Right.ERASE)

    @property
    def may_revoke(self) -> bool:
        """Whether the visitor may see and revoke links: as long as they show something, in an archived project, too."""
        return self.visitor.may(self.project.project_id, Right.SAVE)

    @property
    def author(self) -> Author:
        """The visitor as an author for the audit."""
        return Author(self.visitor.name, self.address)

    @property
    def server_address(self) -> str:
        """The address for an SDK: scheme, host and path prefix of this request."""
        return server_address(self.request, self.settings)


PageFunction = Callable[[Page], Awaitable[Response]]


class PageRoute(NamedTuple):
    """`path` is below the project, with parameters in starlette's notation (`/users/{distinct_id:path}`).

    A visitor needs `right` for each of the methods. `in_navigation`: whether every page links to it, by its title.
    `form_bytes_max` bounds the body of a POST. `is_for_archived`: whether its form is accepted in an archived project.
    """

    path: str
    methods: tuple[str, ...]
    function: PageFunction
    right: Right
    title: str
    in_navigation: bool
    form_bytes_max: int = WEB_FORM_BYTES_MAX
    is_for_archived: bool = False


def render(page: Page, template: str, /, *, status: int = 200, **values: Any) -> Response:
    """The page from a template of `templates/`, which sees `page` and the values. A missing value is an error."""
    shown = {"visitor": page.visitor, "csrf": page.csrf, "page": page, "title": page.title}
    return draw(template, page.settings, status, page.days, **shown, **values)
