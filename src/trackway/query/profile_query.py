"""The SQL of the profile query, which gives profiles as the JSON members of `results` (openapi/query engage-query).

The store itself writes the JSON text of each profile, in the order of the ids. Python sees only bytes. Values come in
as bound parameters, never as text of the statement.
"""

import json
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, NamedTuple, TypeVar

from trackway.domain.limits import PROFILES_PER_PAGE, PROPERTY_NAME_CHARACTERS_MAX
from trackway.query.expressions import (
    Column,
    Expression,
    ExpressionError,
    JsonColumn,
    Kind,
    Scope,
    condition,
    fault,
    no_boolean,
    readable,
)
from trackway.query.profile_order import Order, order_sql
from trackway.query.sql.cohort import Members
from trackway.query.sql.lookups import LookedUp, Lookups
from trackway.query.sql.person import canonical_ids
from trackway.query.sql.searched import search_sql
from trackway.query.sql.tables import GIVEN_IDS, rows_from, rows_in
from trackway.store.errors import MEMORY_LIMIT_EXCEEDED, StoreError
from trackway.store.reader import Reader

SETTINGS = (
    " SETTINGS max_threads = 1, query_plan_optimize_lazy_materialization = 0, query_plan_remove_redundant_sorting = 0,"
    " query_plan_join_swap_table = 'false', join_algorithm = 'hash', max_block_size = %d"
)
"""One thread reads in the order of the key. Lazily read columns would come as one block. The order of a subquery stays,
and the store holds the right side of a join in memory."""
BLOCK_PROFILES = 1024
SMALL_BLOCK_PROFILES = 16

Result = TypeVar("Result")


class ProfileQuery(NamedTuple):
    """Which profiles, and which properties of them. `group_key` is empty for users' profiles. None is no restriction;
    for `order` it is the order of the ids. `limit` bounds the result, `page_size` one page of it. `lists_all`: the
    result has members of the cohort without a profile, too. Then these are by `person`, else by `who`. `lookups`:
    tables that properties of users are mapped to."""

    project_id: int
    group_key: str = ""
    ids: Collection[str] | None = None
    where: Expression | None = None
    output_properties: Sequence[str] | None = None
    search: str = ""
    order: Order | None = None
    limit: int | None = None
    page_size: int = PROFILES_PER_PAGE
    cohort: Members | None = None
    lists_all: bool = True
    lookups: Lookups = Lookups()

    @property
    def lists_more(self) -> bool:
        """Whether the result may have persons without a profile."""
        return self.cohort is not None and self.lists_all

    @property
    def settings(self) -> str:
        """The end of its statements, behind SETTINGS."""
        return "" if self.cohort is None else f", {self.cohort.settings.removeprefix(' SETTINGS ')}"

    @property
    def reads_properties(self) -> bool:
        """Whether the query reads single properties of a profile."""
        return bool(self.search) or any(part is not None for part in (self.where, self.output_properties, self.order))


_DOCUMENT = JsonColumn("document")
_GROUPS = Scope(properties=_DOCUMENT, columns={"$distinct_id": Column(Kind.STRING, "profile_id")})
_USERS = _GROUPS._replace(user=_DOCUMENT)
"""Both `properties` and `user` are the profile's own properties."""

_PROFILE = """concat('{"$distinct_id":', toJSONString(profile_id), ',"$properties":', %s, '}')"""
_NO_PROFILE = (_PROFILE % "'{}'").replace("profile_id", "ranked.ranked_id")
_LINE_OR_NONE = f"if(profile.line = '', {_NO_PROFILE}, profile.line)"
_CHOSEN = """concat('{', arrayStringConcat(arrayFilter(_member -> _member != '', arrayMap(
    (_name, _raw) -> if(_raw = '', '', concat(toJSONString(_name), ':', _raw)), [%s], [%s]
)), ','), '}')"""
_KEY = "project_id, group_key, profile_id"
"""The whole key of the table. Two of its columns are the same in every row, but only with all of them does the store
read in order instead of sorting."""
_IDS = f"profile_id IN ({GIVEN_IDS})"
_PERSONS = f"profile_id IN ({GIVEN_IDS} UNION ALL {canonical_ids(GIVEN_IDS)})"
"""For each id its own profile and the profile of its person's canonical id."""


def placed_sql(query: ProfileQuery, rows_max: int | None) -> tuple[str, dict[str, Any]]:
    """A statement that gives `place`, from 0 on, and `line` of each profile, at most `rows_max`; and its parameters.

    Rows come in the order of the ids. Raises as `profiles_sql`.
    """
    order = query.order or (Order("$distinct_id") if query.lists_more else None)
    if order is None:
        sql, parameters = profiles_sql(query, rows_max)
        return f"SELECT rowNumberInAllBlocks() AS place, line {rows_from(sql)}", parameters
    parameters = {}
    scope = profile_scope(query, parameters)
    ordered = f"{order_sql(order, scope.scope, parameters)}, {_KEY}"
    chosen = chosen_profiles(query._replace(output_properties=None), parameters, scope)
    ranked = f"SELECT profile_id {chosen} ORDER BY {ordered}{_limit(rows_max, parameters)}"
    # The store sorts and holds ids, never profiles: a few hundred of these may fill the memory.
    candidates = _candidates(query._replace(cohort=None), parameters)  # the join leaves those of the cohort
    profiles = f"SELECT profile_id, {_line(query, parameters)} AS line {candidates}"
    places = f"SELECT profile_id AS ranked_id, rowNumberInAllBlocks() AS place {rows_from(ranked)}"
    kind, line = ("RIGHT", _LINE_OR_NONE) if query.lists_more else ("INNER", "line")
    joined = (
        f"{rows_from(profiles, 'profile')} {kind} JOIN ({places}) AS ranked ON profile.profile_id = ranked.ranked_id"
    )
    return f"SELECT place, {line} AS line {joined}", parameters


def profiles_sql(query: ProfileQuery, rows_max: int | None = None) -> tuple[str, dict[str, Any]]:
    """A statement that gives `line`, the JSON of one profile, for at most `rows_max` profiles in the order of their
    ids; and its parameters.

    Raises ExpressionError for a `where` that cannot be asked.
    """
    parameters: dict[str, Any] = {}
    sql = f"SELECT {_line(query, parameters)} AS line {chosen_profiles(query, parameters)} ORDER BY {_KEY}"
    return sql + _limit(rows_max, parameters), parameters


def chosen_profiles(query: ProfileQuery, parameters: dict[str, Any], looked_up: LookedUp | None = None) -> str:
    """FROM the profiles that the query chooses, with the columns that SQL of `looked_up` refers to."""
    looked_up = looked_up or profile_scope(query, parameters)
    conditions = [] if query.where is None else [condition(query.where, looked_up.scope, parameters)]
    if query.search:
        conditions.append(search_sql(query.search, looked_up.scope, parameters))
    candidates = looked_up.above(_candidates(query, parameters))
    return f"{candidates} WHERE {' AND '.join(conditions)}" if conditions else candidates


def _limit(rows_max: int | None, parameters: dict[str, Any]) -> str:
    if rows_max is None:
        return ""
    parameters["rows"] = rows_max
    return " LIMIT {rows:UInt64}"


async def check_where(reader: Reader, query: ProfileQuery) -> None:
    """Raise ExpressionError if `where` cannot be asked, or has an operand that is no boolean in some profile."""
    parameters: dict[str, Any] = {}
    looked_up = profile_scope(query, parameters)
    place = query.where and fault(query.where, looked_up.scope, parameters)
    if place is None:
        return
    candidates = looked_up.above(_candidates(query, parameters))
    sql = f"SELECT min({place} AS place) {candidates} WHERE place != 0"
    ended = sql + "%s" + query.settings
    [(first,)] = await in_blocks(lambda settings: reader.rows(query.project_id, ended % settings, parameters))
    if first:
        raise ExpressionError(no_boolean(int(first)), int(first))


async def in_blocks(ask: Callable[[str], Awaitable[Result]]) -> Result:
    """The result of `ask`, which gets the end of its statement. It is called again with smaller blocks if the store
    lacks memory: profiles may have 2 MiB each."""
    try:
        return await ask(SETTINGS % BLOCK_PROFILES)
    except StoreError as error:
        if error.code != MEMORY_LIMIT_EXCEEDED:
            raise
    return await ask(SETTINGS % SMALL_BLOCK_PROFILES)


def profile_scope(query: ProfileQuery, parameters: dict[str, Any]) -> LookedUp:
    """What expressions may refer to in a profile. Values that its SQL binds go to `parameters`."""
    if query.group_key:
        return LookedUp(_GROUPS, Lookups(), parameters)
    return LookedUp(_USERS, Lookups(query.lookups.users, query.lookups.users), parameters)


def _line(query: ProfileQuery, parameters: dict[str, Any]) -> str:
    if query.output_properties is None:
        return _PROFILE % "properties"
    # Each name is bound by itself: the store would copy a list for each of its names. No profile has a longer name.
    names = [name for name in dict.fromkeys(query.output_properties) if len(name) <= PROPERTY_NAME_CHARACTERS_MAX]
    parameters |= {f"name_{number}": name for number, name in enumerate(names)}
    bound = [f"{{name_{number}:String}}" for number in range(len(names))]
    if not names:
        return _PROFILE % "'{}'"
    return _PROFILE % (_CHOSEN % (", ".join(bound), ", ".join(map(_DOCUMENT.raw, bound))))


def _candidates(query: ProfileQuery, parameters: dict[str, Any]) -> str:
    """FROM the profiles of the query's kind and ids, with the columns that the query reads."""
    parameters |= {"project": query.project_id, "group_key": query.group_key}
    conditions = ["group_key = {group_key:String}"]
    if query.ids is not None:
        conditions.append(_IDS if query.group_key else _PERSONS)
        parameters["ids"] = json.dumps(list(query.ids))
    columns = [_KEY, "properties"]
    if query.reads_properties:
        columns.append(f"{readable('properties')} AS document")
    if query.cohort is not None:
        parameters |= query.cohort.parameters
        if not query.lists_all:
            conditions.append(f"cityHash64(profile_id) IN ({query.cohort.sql})")
    profiles = f"SELECT {', '.join(columns)} {rows_in('profiles', *conditions, final=True)}"
    return _with_members(query, profiles) if query.lists_more else rows_from(profiles)


def _with_members(query: ProfileQuery, profiles: str) -> str:
    """FROM the members of the cohort. Where the query reads properties, each has those of its profile, if it has one;
    the store holds the ids of all members in memory then."""
    assert query.cohort is not None
    members = f"SELECT person AS profile_id {rows_from(query.cohort.sql)}"
    if query.ids is not None:
        members += f" WHERE {_PERSONS}"
    columns = "{project:UInt32} AS project_id, {group_key:String} AS group_key"
    if not query.reads_properties:
        return rows_from(f"SELECT profile_id, {columns} {rows_from(members)}")
    joined = f"{rows_from(profiles, 'profile')} RIGHT JOIN ({members}) AS member USING (profile_id)"
    return rows_from(f"SELECT member.profile_id AS profile_id, {columns}, profile.document AS document {joined}")
