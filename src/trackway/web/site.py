"""The site: routes, authorization, and error pages.

An ASGI request for `/` or below `/app` arrives. A page leaves, with headers that forbid the browser all that our pages
do not need: scripts and styles other than our files, content from elsewhere, a frame around the page. A project that
the visitor may not see does not exist for the visitor.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route, Router

from trackway.domain.errors import RequestError, StorageError
from trackway.domain.limits import RETRY_AFTER_STORAGE_S
from trackway.edge.ingestion.records_endpoint import RecordsEndpoint
from trackway.edge.routes import PAGES_PATH, Parts
from trackway.edge.wire.asgi import CLIENT_GONE, ClientGone, Receive, Scope, Send
from trackway.projects.audit import Author
from trackway.projects.factor_secrets import FactorSecrets
from trackway.projects.roles import ARCHIVED, RIGHTS, ROLES, Right
from trackway.query.broken_facts import may_ask_again
from trackway.store.errors import StoreError
from trackway.telemetry import logs, metrics
from trackway.web import account_links, assets, own_account, project_list, second_factor, second_step, shared, sign_in
from trackway.web.forms import check_csrf, check_origin, read_form
from trackway.web.limits import WEB_FORM_BYTES_MAX
from trackway.web.page import Page, PageRoute
from trackway.web.pages import audit, pages_of
from trackway.web.person_sessions import PersonSessions
from trackway.web.second_step import SecondStep
from trackway.web.session import Session, Sessions
from trackway.web.templating import draw
from trackway.web.visitor import Visitor

if TYPE_CHECKING:
    from trackway.web.provider_sign_in import ProviderSignIn

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
"""The text for a store error. The error's own text names addresses and statements, so it is only in the log."""


class _ProjectId(IntegerConvertor):
    """A project id in a path. A number with more digits than any id does not match."""

    regex = "[0-9]{1,18}"


register_url_convertor("project", _ProjectId())
_OF_PROJECT: Final = "/projects/{project_id:project}"


class NotSignedIn(Exception):
    """A request for a page has no valid session."""


class Site:
    """An ASGI application. Raises StorageError when the key of sessions can neither be read nor made."""

    def __init__(self, parts: Parts, track: RecordsEndpoint):
        self._parts = parts
        self._pages = pages_of(parts, track)
        self._above: Final = parts.settings.path_prefix + PAGES_PATH
        self._sessions = Sessions(parts.settings, parts.directory, parts.fresh_projects, parts.session_key)
        self._own = PersonSessions(self._sessions, parts.changes, parts.access)
        self._sign_in = sign_in.SignIn(
            self._sessions,
            self._own,
            settings=parts.settings,
            directory=parts.directory,
            access=parts.access,
            verifier=parts.verifier,
            audit=parts.audit,
            fresh_projects=parts.fresh_projects,
            in_flight=parts.in_flight,
        )
        secrets = FactorSecrets(self._sessions.key)
        self._second_step = SecondStep(
            self._sessions,
            self._sign_in,
            secrets,
            access=parts.access,
            audit=parts.audit,
            changes=parts.changes,
            in_flight=parts.in_flight,
        )
        self._provider = self._provider_sign_in()
        self._second_factor = second_factor.SecondFactorPages(parts, self._sign_in, secrets)
        self._shared = shared.SharedPages(parts)
        self._own_account = own_account.OwnAccount(parts, self._sessions, self._own, self._sign_in)
        self._account_links = account_links.AccountLinkPages(parts, self._sessions, self._sign_in)
        self._router = Router(self._routes(), redirect_slashes=False)

    def _provider_sign_in(self) -> "ProviderSignIn | None":
        """Its modules are imported only where the operator named a provider."""
        if not self._parts.settings.oidc_issuer:
            return None
        from trackway.web.provider import Provider  # noqa: PLC0415
        from trackway.web.provider_requests import ProviderRequests  # noqa: PLC0415
        from trackway.web.provider_sign_in import ProviderSignIn  # noqa: PLC0415

        provider = Provider(self._parts.settings, self._parts.provider_secret, ProviderRequests())
        return ProviderSignIn(self._parts, self._sessions, self._sign_in, provider)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = _Sending(send)
        scope["app"] = self  # with it the router raises for an unknown path, instead of answering itself
        try:
            await self._router(scope, receive, sending)
        except ClientGone:
            sending.status = CLIENT_GONE
        except Exception as error:
            response = self._answer_to(error, Request(scope))
            if sending.status:  # too late for an error page: cut the connection
                raise
            await response(scope, receive, sending)
        metrics.request(PAGES_PATH, sending.status)

    def _routes(self) -> list[Route]:
        prefix = self._parts.settings.path_prefix
        own = [
            *(Route(path, self._to_projects) for path in {prefix or "/", f"{prefix}/", self._above}),
            Route(self._above + "/", self._projects, methods=["GET"]),
            Route(self._above + project_list.PATH, self._create_project, methods=["POST"]),
            Route(self._above + audit.PATH, self._audit, methods=["GET"]),
            Route(self._above + sign_in.PATH, self._sign_in.form, methods=["GET"]),
            Route(self._above + sign_in.PATH, self._sign_in.sign_in, methods=["POST"]),
            Route(self._above + second_step.PATH, self._second_step.submit, methods=["POST"]),
            Route(self._above + sign_in.OUT_PATH, self._sign_out, methods=["POST"]),
            Route(self._above + second_factor.PATH, self._show_second_factor, methods=["GET"]),
            Route(self._above + second_factor.ON_PATH, self._turn_second_factor_on, methods=["POST"]),
            Route(self._above + second_factor.OFF_PATH, self._turn_second_factor_off, methods=["POST"]),
            Route(self._above + assets.PATH + "/{name}", assets.serve_asset),
            Route(self._above + shared.PATH + "/{token}", self._shared.show, methods=["GET"]),
            Route(self._above + own_account.PATH, self._show_own_account, methods=["GET"]),
            Route(self._above + own_account.PATH + "/{form}", self._change_own_account, methods=["POST"]),
            Route(self._above + account_links.PATH + "/{token}", self._account_links.show, methods=["GET"]),
            Route(self._above + account_links.PATH + "/{token}", self._account_links.submit, methods=["POST"]),
            Route(self._above + _OF_PROJECT, self._first_page),
            Route(self._above + _OF_PROJECT + "/", self._first_page),
        ]
        if self._provider is not None:
            own.append(Route(self._above + sign_in.PROVIDER_PATH, self._provider.begin, methods=["GET"]))
            own.append(Route(self._above + sign_in.PROVIDER_BACK_PATH, self._provider.back, methods=["GET"]))
        pages = [
            Route(self._above + _OF_PROJECT + each.path, self._endpoint(each), methods=each.methods)
            for each in self._pages
        ]
        return own + pages

    def _endpoint(self, route: PageRoute) -> Endpoint:
        async def answer(request: Request) -> Response:
            page = await self._page(request, route)
            try:
                return await route.function(page)
            except StoreError as error:
                is_form = request.method == "POST"
                if is_form or not await may_ask_again(page.reader, page.project.project_id, error):
                    raise
                return await route.function(page)

        return answer

    async def _page(self, request: Request, route: PageRoute) -> Page:
        """The requested page, after all checks of the visitor. Raises NotSignedIn, HTTPException 404, RequestError."""
        session = await self._session(request)
        visitor, project_id = session.visitor, request.path_params["project_id"]
        project = self._parts.directory.by_id(project_id) if visitor.knows(project_id) else None
        if project is None:
            raise HTTPException(404)
        if not visitor.may(project_id, route.right):
            raise RequestError(403, _right_needed(route.right))
        form = FormData()
        if request.method == "POST":
            if project.is_archived and not route.is_for_archived:
                raise RequestError(403, ARCHIVED)
            form = await self._form(request, session, route.form_bytes_max)
        navigation = tuple(each for each in self._pages if each.in_navigation and visitor.may(project_id, each.right))
        visitor_now = partial(self._visitor_now, request)
        return Page(
            request=request,
            visitor=visitor,
            project=project,
            settings=self._parts.settings,
            reader=self._parts.readers.pages,
            address=self._parts.access.address(request.scope),
            csrf=session.csrf,
            visitor_now=visitor_now,
            form=form,
            title=route.title,
            navigation=navigation,
        )

    async def _form(self, request: Request, session: Session, bytes_max: int) -> FormData:
        check_origin(request)
        form = await read_form(request, bytes_max, self._parts.in_flight)
        check_csrf(request, form, session.csrf)
        return form

    async def _session(self, request: Request) -> Session:
        session = await self._sessions.find(self._cookie(request))
        if session is None:
            raise NotSignedIn
        if session.visitor.is_person:
            self._own.seen(self._cookie(request))
        return session

    async def _show_own_account(self, request: Request) -> Response:
        return await self._own_account.show(request, await self._session(request))

    async def _change_own_account(self, request: Request) -> Response:
        session = await self._session(request)
        form = await self._form(request, session, WEB_FORM_BYTES_MAX)
        return await self._own_account.submit(request, session, form)

    def _cookie(self, request: Request) -> str:
        return self._sessions.cookie_in(request.headers.get("cookie", ""))

    def _visitor_now(self, request: Request) -> Visitor | None:
        session = self._sessions.read(self._cookie(request))
        return session.visitor if session else None

    async def _to_projects(self, request: Request) -> Response:
        return RedirectResponse(self._above + "/", 303)

    async def _projects(self, request: Request) -> Response:
        session = await self._session(request)
        search = request.query_params.get("search", "").strip()
        parts = self._parts
        return await project_list.show(parts.settings, parts.directory, session, search, parts.readers.pages)

    async def _create_project(self, request: Request) -> Response:
        session = await self._session(request)
        form = await self._form(request, session, WEB_FORM_BYTES_MAX)
        author = Author(session.visitor.name, self._parts.access.address(request.scope))
        parts = self._parts
        return await project_list.create(
            session,
            form,
            author,
            settings=parts.settings,
            directory=parts.directory,
            changes=parts.changes,
            reader=parts.readers.pages,
        )

    async def _audit(self, request: Request) -> Response:
        """The audit of the whole server. It exists only for the admin."""
        session = await self._session(request)
        if session.visitor.roles is not None:
            raise HTTPException(404)
        parts, address = self._parts, self._above + audit.PATH
        return await audit.show_all(
            session, request, address, settings=parts.settings, directory=parts.directory, changes=parts.changes
        )

    async def _first_page(self, request: Request) -> Response:
        """A redirect to the first page of a project that the visitor may see."""
        visitor, project_id = (await self._session(request)).visitor, request.path_params["project_id"]
        for route in self._pages:
            if route.in_navigation and visitor.may(project_id, route.right):
                return RedirectResponse(f"{self._above}/projects/{project_id}{route.path}", 303)
        raise HTTPException(404)

    async def _sign_out(self, request: Request) -> Response:
        session = await self._session(request)
        await self._form(request, session, WEB_FORM_BYTES_MAX)
        if session.visitor.is_person:
            await self._own.sign_out(self._cookie(request))
        else:
            await self._sessions.end(self._cookie(request))
        return self._sign_in.signed_out(request, session.visitor.name)

    async def _show_second_factor(self, request: Request) -> Response:
        return await self._second_factor.show(request, await self._session(request))

    async def _turn_second_factor_on(self, request: Request) -> Response:
        session = await self._session(request)
        form = await self._form(request, session, WEB_FORM_BYTES_MAX)
        return await self._second_factor.turn_on(request, session, form)

    async def _turn_second_factor_off(self, request: Request) -> Response:
        session = await self._session(request)
        form = await self._form(request, session, WEB_FORM_BYTES_MAX)
        return await self._second_factor.turn_off(request, session, form)

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
            reason = _STORE_AWAY if isinstance(error, StoreError) else str(error)
            return self._error_page(request, 503, reason, {"retry-after": str(RETRY_AFTER_STORAGE_S)})
        _log.error("a page failed", exc_info=error)
        return self._error_page(request, 500, "", {})

    def _to_sign_in(self, request: Request) -> Response:
        """The form for a person. A script of a page whose session has ended gets a status."""
        if request.method != "GET" or "text/html" not in request.headers.get("accept", ""):
            return PlainTextResponse("sign in first", 401)
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"{self._above}{sign_in.PATH}?next={quote(target, safe='')}", 303)

    def _error_page(self, request: Request, status: int, message: str, headers: dict[str, str]) -> Response:
        try:
            session = self._sessions.read(self._cookie(request))
        except StorageError:  # the error page may be about this very error
            session = None
        visitor, csrf = session or (None, "")
        shown = {"visitor": visitor, "csrf": csrf, "page": None, "title": HTTPStatus(status).phrase}
        response = draw("error.html", self._parts.settings, status, **shown, code=status, message=message)
        response.headers.update(headers)
        return response


class _Sending:
    """Forwards messages with the headers of every page, and remembers the status."""

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
