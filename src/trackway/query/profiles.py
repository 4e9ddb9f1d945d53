"""The SQL of the profile query: profiles out as the JSON members of `results` (openapi/query engage-query).

The store makes the JSON text of each profile itself, in the order of their ids; Python sees only bytes. Values come in
as bound parameters, never as text of the statement.
"""

import json
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple, TypeVar

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
from trackway.query.identity import canonical_ids
from trackway.store.client import MEMORY_LIMIT_EXCEEDED, Store, StoreError

SETTINGS = " SETTINGS max_threads = 1, query_plan_optimize_lazy_materialization = 0, max_block_size = %d"
"""One thread reads in the order of the key; lazily read columns would come as one block."""
BLOCK_PROFILES = 1024
SMALL_BLOCK_PROFILES = 16

Result = TypeVar("Result")


class ProfileQuery(NamedTuple):
    """Which profiles, and what of them. `group_key` is empty for users' profiles; None means no restriction."""

    project_id: int
    group_key: str = ""
    ids: Collection[str] | None = None
    where: Expression | None = None
    output_properties: Sequence[str] | None = None


_DOCUMENT = JsonColumn("document")
_GROUPS = Scope(properties=_DOCUMENT, columns={"$distinct_id": Column(Kind.STRING, "profile_id")})
_USERS = _GROUPS._replace(user=_DOCUMENT)
"""Both `properties` and `user` are the profile's own."""

_PROFILE = """concat('{"$distinct_id":', toJSONString(profile_id), ',"$properties":', %s, '}')"""
_CHOSEN = """concat('{', arrayStringConcat(arrayFilter(_member -> _member != '', arrayMap(
    (_name, _raw) -> if(_raw = '', '', concat(toJSONString(_name), ':', _raw)), {names:Array(String)}, [%s]
)), ','), '}')"""
_KEY = "project_id, group_key, profile_id"
"""The table's whole key, though two of it are the same in every row: only so are rows read in order and not sorted."""
_GIVEN = "SELECT arrayJoin(JSONExtract({ids:String}, 'Array(String)')) AS id"
"""One text of JSON holds all ids: a large array parameter takes a hundred times as long to be read."""
_IDS = f"profile_id IN ({_GIVEN})"
_PERSONS = f"profile_id IN ({_GIVEN} UNION ALL {canonical_ids(_GIVEN)})"
"""Of a person's id, the profile of this very id and that of the person's canonical id."""


def profiles_sql(query: ProfileQuery) -> tuple[str, dict[str, Any]]:
    """A statement that gives `line`, the JSON of one profile, for each in the order of their ids; its parameters.

    Raises ExpressionError for a `where` that cannot be asked.
    """
    parameters: dict[str, Any] = {}
    chosen = query.where and condition(query.where, _scope(query), parameters)
    sql = f"SELECT {_line(query, parameters)} AS line {_candidates(query, parameters)}"
    if chosen is not None:
        sql += f" WHERE {chosen}"
    return f"{sql} ORDER BY {_KEY}", parameters


def check_where(store: Store, query: ProfileQuery) -> None:
    """Raise ExpressionError when `where` cannot be asked, or an operand of it is no boolean in some profile."""
    parameters: dict[str, Any] = {}
    place = query.where and fault(query.where, _scope(query), parameters)
    if place is None:
        return
    candidates = _candidates(query, parameters)
    sql = f"SELECT min({place} AS place) {candidates} WHERE place != 0"
    [(first,)] = in_blocks(lambda settings: store.query(sql + settings, parameters))
    if first:
        raise ExpressionError(no_boolean(int(first)), int(first))


def in_blocks(ask: Callable[[str], Result]) -> Result:
    """What `ask` gives, which is handed the end of its statement; asked again where the store lacks the memory for
    blocks of many profiles, which may have 2 MiB each."""
    try:
        return ask(SETTINGS % BLOCK_PROFILES)
    except StoreError as error:
        if error.code != MEMORY_LIMIT_EXCEEDED:
            raise
    return ask(SETTINGS % SMALL_BLOCK_PROFILES)


def _scope(query: ProfileQuery) -> Scope:
    return _GROUPS if query.group_key else _USERS


def _line(query: ProfileQuery, parameters: dict[str, Any]) -> str:
    if query.output_properties is None:
        return _PROFILE % "properties"
    names = list(dict.fromkeys(query.output_properties))
    parameters["names"] = names
    raws = [_DOCUMENT.raw(f"{{names:Array(String)}}[{number + 1}]") for number in range(len(names))]
    return _PROFILE % (_CHOSEN % ", ".join(raws) if names else "'{}'")


def _candidates(query: ProfileQuery, parameters: dict[str, Any]) -> str:
    """FROM the profiles that `where` is to choose from, with what it speaks of."""
    parameters |= {"project": query.project_id, "group_key": query.group_key}
    conditions = ["project_id = {project:UInt32}", "group_key = {group_key:String}"]
    if query.ids is not None:
        conditions.append(_IDS if query.group_key else _PERSONS)
        parameters["ids"] = json.dumps(list(query.ids))
    columns = [_KEY, "properties"]
    if query.where is not None or query.output_properties is not None:
        columns.append(f"{readable('properties')} AS document")
    # What a client sent is in the parameters only.
    return f"FROM (SELECT {', '.join(columns)} FROM profiles FINAL WHERE {' AND '.join(conditions)})"  # noqa: S608
