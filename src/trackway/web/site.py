"""The site: which function answers which path, who may, and what is said when it goes wrong.

An ASGI request for `/` or below `/app` arrives; a page leaves, with the headers that keep browsers from doing anything
a page of ours does not need: no script or style but our files, nothing from elsewhere, no frame around it. A project
that is not the visitor's to see does not exist for them.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route, Router

from trackway import logs, metrics
from trackway.edge.http import CLIENT_GONE, ClientGone, Receive, Scope, Send
from trackway.edge.routes import Parts
from trackway.errors import RequestError, StorageError
from trackway.limits import RETRY_AFTER_STORAGE_S, WEB_ANSWER_S_MAX, WEB_FORM_BYTES_MAX
from trackway.projects.roles import RIGHTS, ROLES, Right
from trackway.store.client import StoreError
from trackway.web import assets, mount, projects, sign_in
from trackway.web.drawing import draw
from trackway.web.forms import check_csrf, check_origin, read_form
from trackway.web.page import Page, PageRoute
from trackway.web.pages import PAGES
from trackway.web.session import Session, Sessions

_log = logs.get("web")

Endpoint = Callable[[Request], Awaitable[Response]]

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
NO_STORE: Final = (b"cache-control", b"no-store")

_STORE_AWAY: Final = "the store cannot answer this now, or not in time; what arrives is kept"
"""Its own words name addresses and statements: they are in the log."""


class NotSignedIn(Exception):
    """A page was asked for by nobody in particular."""


class Site:
    """An ASGI application. Raises StorageError when the key of sessions can neither be read nor made."""

    def __init__(self, parts: Parts):
        # A page is given up sooner than an export: a person waits for it.
        self._parts = parts = parts._replace(store=parts.store.for_readers(WEB_ANSWER_S_MAX))
        self._above: Final = parts.settings.path_prefix + mount.PATH
        self._sessions = Sessions(parts.settings.data_dir, parts.directory)
        self._sign_in = sign_in.SignIn(parts, self._sessions)
        self._router = Router(self._routes(), redirect_slashes=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = _Sending(send)
        scope["app"] = self  # then the router raises what it does not find, instead of answering itself
        try:
            await self._router(scope, receive, sending)
        except ClientGone:
            sending.status = CLIENT_GONE
        except Exception as error:
            response = self._answer_to(error, Request(scope))
            if sending.status:  # too late to say anything: cut the connection
                raise
            await response(scope, receive, sending)
        metrics.request(mount.PATH, sending.status)

    def _routes(self) -> list[Route]:
        prefix = self._parts.settings.path_prefix
        own = [
            *(Route(path, self._to_projects) for path in {prefix or "/", f"{prefix}/", self._above}),
            Route(self._above + "/", self._projects, methods=["GET"]),
            Route(self._above + projects.PATH, self._create_project, methods=["POST"]),
            Route(self._above + sign_in.PATH, self._sign_in.form, methods=["GET"]),
            Route(self._above + sign_in.PATH, self._sign_in.sign_in, methods=["POST"]),
            Route(self._above + sign_in.OUT_PATH, self._sign_out, methods=["POST"]),
            Route(self._above + assets.PATH + "/{name}", assets.serve_asset),
            Route(self._above + "/projects/{project_id:int}", self._first_page),
            Route(self._above + "/projects/{project_id:int}/", self._first_page),
        ]
        pages = [
            Route(f"{self._above}/projects/{{project_id:int}}{each.path}", self._endpoint(each), methods=each.methods)
            for each in PAGES
        ]
        return own + pages

    def _endpoint(self, route: PageRoute) -> Endpoint:
        async def answer(request: Request) -> Response:
            return await route.function(await self._page(request, route))

        return answer

    async def _page(self, request: Request, route: PageRoute) -> Page:
        """The page that is asked for, once it is sure that this visitor may. Raises NotSignedIn, HTTPException 404 or
        RequestError."""
        session = await self._session(request)
        visitor, project_id = session.visitor, request.path_params["project_id"]
        project = self._parts.directory.by_id(project_id) if visitor.knows(project_id) else None
        if project is None:
            raise HTTPException(404)
        if not visitor.may(project_id, route.right):
            raise RequestError(403, _right_needed(route.right))
        form = FormData()
        if request.method == "POST":
            form = await self._form(request, session, route.form_bytes_max)
        navigation = tuple(each for each in PAGES if each.in_navigation and visitor.may(project_id, each.right))
        return Page(request, visitor, project, self._parts, session.csrf, form, route.title, navigation)

    async def _form(self, request: Request, session: Session, bytes_max: int) -> FormData:
        check_origin(request)
        form = await read_form(request, bytes_max, self._parts.in_flight)
        check_csrf(request, form, session.csrf)
        return form

    async def _session(self, request: Request) -> Session:
        session = await self._sessions.find(request.cookies.get(self._sessions.cookie, ""))
        if session is None:
            raise NotSignedIn
        return session

    async def _to_projects(self, request: Request) -> Response:
        return RedirectResponse(self._above + "/", 303)

    async def _projects(self, request: Request) -> Response:
        session = await self._session(request)
        return projects.draw_list(self._parts, session, request.query_params.get("search", "").strip())

    async def _create_project(self, request: Request) -> Response:
        session = await self._session(request)
        form = await self._form(request, session, WEB_FORM_BYTES_MAX)
        return await projects.create(self._parts, session, form)

    async def _first_page(self, request: Request) -> Response:
        """A project is opened at the first of its pages that the visitor may see."""
        visitor, project_id = (await self._session(request)).visitor, request.path_params["project_id"]
        for route in PAGES:
            if route.in_navigation and visitor.may(project_id, route.right):
                return RedirectResponse(f"{self._above}/projects/{project_id}{route.path}", 303)
        raise HTTPException(404)

    async def _sign_out(self, request: Request) -> Response:
        await self._form(request, await self._session(request), WEB_FORM_BYTES_MAX)
        return self._sign_in.signed_out()

    def _answer_to(self, error: Exception, request: Request) -> Response:
        """The one place where errors become pages."""
        if isinstance(error, NotSignedIn):
            return self._to_sign_in(request)
        if isinstance(error, HTTPException):
            headers = dict(error.headers or {})
            return self._error_page(request, error.status_code, "", headers)
        if isinstance(error, RequestError):
            retry = {"retry-after": str(error.retry_after_s)} if error.retry_after_s else {}
            return self._error_page(request, error.status, error.message, retry)
        if isinstance(error, StorageError):
            _log.warning("a page could not be answered", error=str(error))
            told = _STORE_AWAY if isinstance(error, StoreError) else str(error)
            return self._error_page(request, 503, told, {"retry-after": str(RETRY_AFTER_STORAGE_S)})
        _log.error("a page failed", exc_info=error)
        return self._error_page(request, 500, "", {})

    def _to_sign_in(self, request: Request) -> Response:
        """For a person, the form; for a script of a page whose session has ended, a status that it can tell."""
        if request.method != "GET" or "text/html" not in request.headers.get("accept", ""):
            return PlainTextResponse("sign in first", 401)
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"{self._above}{sign_in.PATH}?next={quote(target, safe='')}", 303)

    def _error_page(self, request: Request, status: int, message: str, headers: dict[str, str]) -> Response:
        session = self._sessions.read(request.cookies.get(self._sessions.cookie, ""))
        visitor, csrf = session or (None, "")
        shown = {"visitor": visitor, "csrf": csrf, "page": None, "title": HTTPStatus(status).phrase}
        response = draw("error.html", self._parts.settings, status, **shown, code=status, message=message)
        response.headers.update(headers)
        return response


class _Sending:
    """Sends on, with the headers of every page; remembers the status."""

    def __init__(self, send: Send):
        self._send = send
        self.status = 0

    async def __call__(self, message: Scope) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = list(message["headers"])
            names = {name for name, _ in given}
            given += [each for each in (*HEADERS, NO_STORE) if each[0] not in names]
            message = {**message, "headers": given}
        await self._send(message)


def _right_needed(right: Right) -> str:
    roles = [role for role in ROLES if right in RIGHTS[role]]
    return f"this takes the right to {right.value}, which these roles have: {', '.join(roles)}"
