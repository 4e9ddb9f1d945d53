"""`/api/2.0/engage` and `/api/query/engage`: which profiles are asked for, then a page of them as the store gives it
(openapi/query engage-query).

Only a new query counts towards the hourly limit: the further pages of its session are read from what it has kept.
"""

import hashlib
import json
from collections.abc import Generator
from typing import NamedTuple

from trackway import metrics
from trackway.edge.credentials import Access
from trackway.edge.http import (
    CLIENT_GONE,
    ClientGone,
    InFlight,
    Receive,
    Scope,
    Send,
    check_length,
    header,
    read_body,
    send_reply,
)
from trackway.edge.parameters import Parameters, bad_where, read_parameters, strings, switch, where, whole_number
from trackway.edge.ratelimit import RateLimits
from trackway.edge.replies import JSON, error_reply
from trackway.edge.streaming import send_stream
from trackway.errors import RequestError
from trackway.limits import OUTPUT_PROPERTIES_MAX, PROFILE_SESSION_S, QUERY_BODY_BYTES_MAX
from trackway.projects.project import Project
from trackway.projects.roles import Right
from trackway.query.expressions import ExpressionError
from trackway.query.profile_pages import Session, UnknownSession, first_page, later_page, read_session
from trackway.query.profiles import ProfileQuery
from trackway.store.client import Store

PATHS = ("/api/2.0/engage", "/api/query/engage")
_PAGE_MAX = 999_999_999
_NOT_SUPPORTED = ("filter_by_cohort", "behaviors", "as_of_timestamp")
_QUERY = ("data_group_id", "distinct_id", "distinct_ids", "output_properties", "where")
"""What makes two queries the same."""


class Asked(NamedTuple):
    """What a request asks for. `session` is None where the query is to be asked anew."""

    query: ProfileQuery
    fingerprint: str
    session: Session | None
    page: int


class ProfileQueryEndpoint:
    """An ASGI application that gives a project's profiles page by page."""

    def __init__(self, access: Access, rates: RateLimits, store: Store, in_flight: InFlight) -> None:
        self._access = access
        self._rates = rates
        self._store = store
        self._in_flight = in_flight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            caller = await self._access.caller(header(scope, b"authorization"))
            parameters = await self._parameters(scope, receive)
            project = self._access.project(caller, Right.PROFILES, parameters, scope)
            asked = read_asked(parameters, project)
            status = await self._give(scope, receive, send, project, asked)
        except ClientGone:
            status = CLIENT_GONE
        except RequestError as error:
            status = error.status
            await send_reply(scope, send, error_reply(error))
        metrics.request(PATHS[0], status)

    async def _parameters(self, scope: Scope, receive: Receive) -> Parameters:
        check_length(scope, QUERY_BODY_BYTES_MAX)
        body = await read_body(receive, QUERY_BODY_BYTES_MAX, self._in_flight)
        try:
            return read_parameters(scope["query_string"], header(scope, b"content-encoding"), body)
        finally:
            self._in_flight.give(len(body))

    async def _give(self, scope: Scope, receive: Receive, send: Send, project: Project, asked: Asked) -> int:
        self._rates.begin_export(project, counted=asked.session is None)
        try:
            return await send_stream(
                scope, receive, send, self._page(asked), JSON, "profile query", chosen=asked.query.where is not None
            )
        except ExpressionError as error:
            raise bad_where(error) from error
        except UnknownSession as error:
            raise _unknown_session() from error
        finally:
            self._rates.end_export(project)

    def _page(self, asked: Asked) -> Generator[bytes]:
        if asked.session is None:
            return first_page(self._store, asked.query, asked.fingerprint)
        return later_page(self._store, asked.query.project_id, asked.session, asked.page)


def read_asked(parameters: Parameters, project: Project) -> Asked:
    """What the parameters ask for. Raises RequestError 400, naming the parameter."""
    for name in _NOT_SUPPORTED:
        if parameters.get(name):
            raise RequestError(400, f"{name} is not supported")
    switch(parameters, "include_all_users", default=True)  # of cohorts, which there are none of: without effect
    query = ProfileQuery(
        project.project_id,
        parameters.get("data_group_id", ""),
        _ids(parameters),
        where(parameters),
        _output_properties(parameters),
    )
    fingerprint = _fingerprint(parameters)
    page = whole_number(parameters, "page", 0, _PAGE_MAX) or 0
    return Asked(query, fingerprint, _session(parameters, fingerprint, page), page)


def _ids(parameters: Parameters) -> set[str] | None:
    """The ids asked for: where both parameters are there, those that both name."""
    one, some = parameters.get("distinct_id", ""), strings(parameters, "distinct_ids")
    if not one:
        return None if some is None else set(some)
    return {one} if some is None else {one}.intersection(some)


def _output_properties(parameters: Parameters) -> list[str] | None:
    names = strings(parameters, "output_properties")
    if names is not None and len(names) > OUTPUT_PROPERTIES_MAX:
        raise RequestError(400, f"output_properties must not name more than {OUTPUT_PROPERTIES_MAX} properties")
    return names


def _session(parameters: Parameters, fingerprint: str, page: int) -> Session | None:
    text = parameters.get("session_id", "")
    if not text:
        if page:
            raise RequestError(400, "session_id is required for a page above 0")
        return None
    try:
        session = read_session(text, fingerprint)
    except UnknownSession as error:
        raise _unknown_session() from error
    return session if page or session.is_kept else None


def _unknown_session() -> RequestError:
    minutes = PROFILE_SESSION_S // 60
    return RequestError(
        400, f"session_id is unknown, older than {minutes} minutes, or of a query with other parameters"
    )


def _fingerprint(parameters: Parameters) -> str:
    values = json.dumps([parameters.get(name, "") for name in _QUERY])
    return hashlib.blake2b(values.encode(), digest_size=8).hexdigest()
