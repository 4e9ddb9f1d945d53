"""`/api/2.0/engage` and `/api/query/engage`: read the parameters, then stream a page of profiles from the store
(openapi/query engage-query).

Only a new query counts towards the hourly limit. Later pages of its session come from the rows that it kept.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

from trackway.domain.errors import RequestError
from trackway.domain.limits import PROFILE_SESSION_S, PROFILES_PER_PAGE, PROPERTY_NAME_CHARACTERS_MAX
from trackway.edge.api.endpoint_shell import Query, Streamed
from trackway.edge.api.mapped_columns import mapped_of, may_name_columns
from trackway.edge.api.reports.bookmarks.cohorts import CohortAsked, condition_of, read_filter
from trackway.edge.limits import OUTPUT_PROPERTIES_MAX, PERSON_ID_CHARACTERS_MAX, QUERY_BODY_BYTES_MAX
from trackway.edge.wire.parameter_tables import PROFILE_QUERY
from trackway.edge.wire.parameters import Parameters, check_format, strings, switch, where, whole_number
from trackway.edge.wire.replies import JSON
from trackway.projects.project import Project
from trackway.projects.roles import Right
from trackway.query.expressions import ExpressionError
from trackway.query.mapped_tables import Mapped, lookups_of
from trackway.query.profile_order import Order, sort_property
from trackway.query.profile_pages import Session, UnknownSession, first_page, in_cohort, later_page, read_session
from trackway.query.profile_query import ProfileQuery
from trackway.query.sql.cohort import Condition
from trackway.store.reader import Readers

if TYPE_CHECKING:
    from trackway.projects.saved_table import Saved

PATHS = ("/api/2.0/engage", "/api/query/engage")
_NUMBER_MAX = 999_999_999
_QUERY = (
    "data_group_id", "distinct_id", "distinct_ids", "filter_by_cohort", "include_all_users", "limit",
    "output_properties", "search", "sort_key", "sort_order", "where",
)  # fmt: skip
"""Two queries that agree in these parameters are the same."""
_ORDERS = {"": False, "ascending": False, "descending": True}


class Wanted(NamedTuple):
    """The page that a request asks for. `session` is None for a new query. `cohort` is what members of the asked cohort
    meet, once it was loaded. `names_columns`: whether the request may name columns of lookup tables, which `mapped`
    properties have."""

    query: ProfileQuery
    fingerprint: str
    session: Session | None
    page: int
    cohort_asked: CohortAsked | None = None
    cohort: Condition | None = None
    names_columns: bool = False
    mapped: Sequence[Mapped] = ()


def read_wanted(parameters: Parameters, project: Project) -> Wanted:
    """The page that the parameters ask for. Raises RequestError 400, naming the parameter."""
    check_format(parameters)
    cohort = read_filter(parameters, project)
    group_key = parameters.get("data_group_id", "")
    if cohort is not None and group_key:
        raise RequestError(400, "filter_by_cohort is not supported with data_group_id: a cohort is of users")
    page_size = whole_number(parameters, "page_size", 1, PROFILES_PER_PAGE)
    query = ProfileQuery(
        project.project_id,
        group_key,
        _ids(parameters),
        where(parameters),
        _output_properties(parameters),
        _bounded("search", parameters.get("search", ""), PERSON_ID_CHARACTERS_MAX),
        _order(parameters),
        whole_number(parameters, "limit", 1, _NUMBER_MAX),
        page_size or PROFILES_PER_PAGE,
        lists_all=switch(parameters, "include_all_users", default=True),
    )
    fingerprint = _fingerprint(parameters)
    page = whole_number(parameters, "page", 0, _NUMBER_MAX) or 0
    session = _session(parameters, fingerprint, page)
    if session is not None and page_size not in (None, session.page_size):
        raise _unknown_session()
    return Wanted(query, fingerprint, session, page, cohort, names_columns=may_name_columns(parameters))


def load(wanted: Wanted) -> Callable[["Saved"], Wanted] | None:
    """Completes a new query that names a cohort, or may name columns of lookup tables. Later pages come from rows that
    the first one kept."""
    asked = wanted.cohort_asked
    if wanted.session is not None or (asked is None and not wanted.names_columns):
        return None

    def loaded(saved: "Saved") -> Wanted:
        cohort = None if asked is None else condition_of(saved, asked)
        return wanted._replace(cohort=cohort, mapped=mapped_of(saved, wanted.query.project_id))

    return loaded


def page(readers: Readers, wanted: Wanted) -> Streamed:
    """A page of the profiles, as the store writes it."""
    return Streamed(_page(readers, wanted), JSON, wanted.query.where is not None)


@asynccontextmanager
async def _page(readers: Readers, wanted: Wanted) -> AsyncIterator[AsyncIterator[bytes]]:
    if wanted.mapped:
        lookups = await lookups_of(readers.api, wanted.query.project_id, wanted.mapped)
        wanted = wanted._replace(query=wanted.query._replace(lookups=lookups))
    if wanted.cohort is not None:
        wanted = wanted._replace(query=await in_cohort(readers.api, wanted.query, wanted.cohort))
    try:
        async with _opening(readers, wanted) as blocks:
            yield blocks
    except UnknownSession as error:
        raise _unknown_session() from error


def _opening(readers: Readers, wanted: Wanted) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
    if wanted.session is None:
        return first_page(readers.api, readers.exports, wanted.query, wanted.fingerprint)
    return later_page(readers.exports, wanted.query.project_id, wanted.session, wanted.page)


def _ids(parameters: Parameters) -> set[str] | None:
    """The ids that the request names. Where both parameters are given, the ids that both name."""
    one, some = parameters.get("distinct_id", ""), strings(parameters, "distinct_ids")
    if not one:
        return None if some is None else set(some)
    return {one} if some is None else {one}.intersection(some)


def _output_properties(parameters: Parameters) -> list[str] | None:
    names = strings(parameters, "output_properties")
    if names is not None and len(names) > OUTPUT_PROPERTIES_MAX:
        raise RequestError(400, f"output_properties must not name more than {OUTPUT_PROPERTIES_MAX} properties")
    return names


def _bounded(name: str, text: str, characters_max: int) -> str:
    """A text to search every profile for. No profile has a longer one."""
    if len(text) > characters_max:
        raise RequestError(400, f"{name} must not be longer than {characters_max} characters")
    return text


def _order(parameters: Parameters) -> Order | None:
    name, order = parameters.get("sort_key", ""), parameters.get("sort_order", "").lower()
    if order not in _ORDERS:
        raise RequestError(400, "sort_order must be ascending or descending")
    if not name:
        return Order("$distinct_id", True) if _ORDERS[order] else None
    try:
        return Order(_bounded("sort_key", sort_property(name), PROPERTY_NAME_CHARACTERS_MAX), _ORDERS[order])
    except ExpressionError as error:
        raise RequestError(400, f"sort_key: {error.message}") from error


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


PROFILES = Query(
    PROFILE_QUERY,
    Right.PROFILES,
    "profile query",
    read_wanted,
    page,
    body_bytes_max=QUERY_BODY_BYTES_MAX,
    is_counted=lambda wanted: wanted.session is None,
    load=load,
)
