"""The members of a cohort as of now, as SQL: the persons for whom a condition is true.

A condition is an expression on the person's profile, or how often the person did an event, or others combined. Every
person with a profile or an event is considered. A person without a profile is one without properties. The profile of a
person is that of its canonical id, as everywhere.

Profiles and events are read once each. Events are read only where a condition counts them, or where somebody without
any of them may be a member.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple

from trackway.query.expressions import (
    Column,
    Expression,
    ExpressionError,
    JsonColumn,
    Kind,
    Row,
    Scope,
    condition,
    evaluate,
    event_properties,
    readable,
)
from trackway.query.sql.events import Events, project_events
from trackway.query.sql.lookups import LookedUp, Lookups, MappedTable, own_names
from trackway.query.sql.person import JOIN_SETTINGS, Known, with_person
from trackway.query.sql.projection import NOBODY, Projection
from trackway.query.sql.searched import search_sql
from trackway.query.sql.selector import ACTIVITY, ANY_EVENT
from trackway.query.sql.tables import rows_from, rows_in


class Has(NamedTuple):
    """An expression is true for the person's profile. `properties` and `user` are the profile's own properties."""

    where: Expression


class Found(NamedTuple):
    """The person's id, `$name` or `$email` contains a text, in either case."""

    text: str


class Did(NamedTuple):
    """The person did an event so often: of a name, of which those of ANY_EVENT are any, from an instant on and before
    another, in milliseconds since the epoch, and only where an expression is true."""

    event: str
    from_ms: int
    before_ms: int
    where: Expression | None
    sign: Literal["==", "!=", ">=", "<=", ">", "<"]
    times: int


class Not(NamedTuple):
    """The opposite of a condition."""

    part: "Condition"


class Junction(NamedTuple):
    """Several conditions are true: all, or at least one."""

    word: Literal["and", "or"]
    parts: tuple["Condition", ...]


Condition = Has | Found | Did | Not | Junction
_OfProfile = Has | Found
"""What is asked of a profile alone."""


Key = Literal["person", "who"]


class Members(NamedTuple):
    """A query's text that gives each member once; the values that it binds, under names that begin with its prefix; and
    the settings at the end of the whole statement."""

    sql: str
    parameters: dict[str, Any]
    settings: str


_USERS: Final = "group_key = ''"
_ID: Final = "$distinct_id"
_PROFILE: Final = JsonColumn("document")
_NO_PROFILE: Final = JsonColumn("'{}'")
_ANY_ID: Final = (
    f"SELECT profile_id AS id {rows_in('profiles', _USERS)}",
    f"SELECT distinct_id AS id {rows_in('events')}",
    f"SELECT canonical_id AS id {rows_in('identity_links')}",
)
_IDS: Final = f"SELECT id AS person {rows_from(' UNION ALL '.join(_ANY_ID))}"
"""Every id that is a person's canonical id, and others, each several times. To find those of members by their numbers
takes a third of the time of counting events by ids, which facts do not have."""
_SIGNS: Final = {"==": "=", "!=": "!=", ">=": ">=", "<=": "<=", ">": ">", "<": "<"}
_NOBODY: Final = {"person": "''", "who": NOBODY}
_BOUND: Final = re.compile(r"\{([a-z][a-z0-9_]*):")


def members(project_id: int, cohort: Condition, known: Known, key: Key = "person", prefix: str = "cohort") -> Members:
    """The members, by `person`, the canonical id, or by `who`, its number as in reports, which takes a fraction of the
    time. `prefix` keeps two of a statement apart. Raises ExpressionError for SQL that is too large."""
    has, did = _leaves(cohort)
    users = known.lookups.users
    if any(_reads_id(leaf, users) for leaf in has):
        found = _members(project_id, cohort, known, "person", prefix)
        sql = found.sql if key == "person" else f"SELECT cityHash64(person) AS who {rows_from(found.sql)}"
        return found._replace(sql=sql)
    if key == "person" and did and known.facts is not None:
        found = _members(project_id, cohort, known, "who", prefix)
        return found._replace(sql=f"{_IDS} WHERE cityHash64(id) IN ({found.sql}) GROUP BY id")
    return _members(project_id, cohort, known, key, prefix)


def _members(project_id: int, cohort: Condition, known: Known, key: Key, prefix: str) -> Members:
    has, did = _leaves(cohort)
    counts_all = True in _outcomes(cohort, known.lookups.users)
    parameters: dict[str, Any] = {"project": project_id}
    settings, sources = JOIN_SETTINGS, []
    if has or counts_all:
        sources.append(_profiles(has, did, known, key, parameters))
    if did or counts_all:
        events, end = _events(did, known, key, parameters, counts_all=counts_all)
        sources.append(f"SELECT {key}, toUInt8(0) AS profiled{_empty('has', has)}{events}")
        settings = end or settings
    flags = "".join(f", max(has_{number}) AS has_{number}" for number in range(len(has)))
    counts = "".join(f", sum(did_{number}) AS did_{number}" for number in range(len(did)))
    persons = f"SELECT {key}, max(profiled) AS profiled{flags}{counts} {rows_from(' UNION ALL '.join(sources))}"
    persons += f" WHERE {key} != {_NOBODY[key]} GROUP BY {key}"
    without = _without_profile(known.lookups, parameters)
    chosen = _truth(cohort, has, did, parameters, without)
    named = _named(f"SELECT {key} {without.above(rows_from(persons))} WHERE {chosen}", parameters, prefix)
    return named._replace(settings=settings)


def _named(sql: str, parameters: dict[str, Any], prefix: str) -> Members:
    """The same with names of bound values that begin with the prefix. No text of a client is in the SQL."""
    bound = {f"{prefix}_{name}": value for name, value in parameters.items() if name != "project"}
    text = _BOUND.sub(lambda found: found[0] if found[1] == "project" else f"{{{prefix}_{found[1]}:", sql)
    return Members(text, bound, JOIN_SETTINGS)


def _leaves(cohort: Condition) -> tuple[list[_OfProfile], list[Did]]:
    """The different conditions that are not combined, in order."""

    def each(part: Condition) -> Iterator[_OfProfile | Did]:
        if isinstance(part, Junction):
            for inner in part.parts:
                yield from each(inner)
        elif isinstance(part, Not):
            yield from each(part.part)
        else:
            yield part

    found = list(dict.fromkeys(each(cohort)))
    return [leaf for leaf in found if not isinstance(leaf, Did)], [leaf for leaf in found if isinstance(leaf, Did)]


def _outcomes(cohort: Condition, users: Sequence[MappedTable]) -> set[bool]:
    """What the condition may be for a person without a profile, and without any event that it counts."""
    match cohort:
        case Not(part):
            return {not outcome for outcome in _outcomes(part, users)}
        case Junction(word, parts):
            found = [_outcomes(part, users) for part in parts]
            return {outcome for outcome in (True, False) if _can_be(outcome, word == "and", found)}
        case Did():
            return {_compare(cohort.sign, 0, cohort.times)}
        case Found():
            return {True, False}
        case Has(where):
            if _reads_id(cohort, users):
                return {True, False}
            try:
                return {evaluate(where, Row({})) is True}
            except ExpressionError:  # an operand that is no boolean counts as false
                return {False}


def _can_be(outcome: bool, is_and: bool, found: list[set[bool]]) -> bool:
    """Whether parts with such outcomes can give this one together."""
    return all(outcome in each for each in found) if outcome is is_and else any(outcome in each for each in found)


def _compare(sign: str, count: int, times: int) -> bool:
    match sign:
        case "==":
            return count == times
        case "!=":
            return count != times
        case ">=":
            return count >= times
        case "<=":
            return count <= times
        case ">":
            return count > times
    return count < times


def _reads_id(leaf: _OfProfile, users: Sequence[MappedTable]) -> bool:
    return isinstance(leaf, Found) or _ID in own_names(users, event_properties(leaf.where))


def _holds(leaf: _OfProfile, number: int, scope: Scope, parameters: dict[str, Any], of: str) -> str:
    """SQL of whether it is so for the profile of a scope. `number` and `of` keep its bound text apart from others."""
    if isinstance(leaf, Found):
        return search_sql(leaf.text, scope, parameters, f"{of}_{number}")
    return condition(leaf.where, scope, parameters)


def _scope(document: JsonColumn, id: str, lookups: Lookups, parameters: dict[str, Any]) -> LookedUp:
    """The scope of a profile, whose `properties` and `user` are the same."""
    scope = Scope(properties=document, user=document, columns={_ID: Column(Kind.STRING, id)})
    return LookedUp(scope, Lookups(lookups.users, lookups.users), parameters)


def _without_profile(lookups: Lookups, parameters: dict[str, Any]) -> LookedUp:
    return _scope(_NO_PROFILE, "person", lookups, parameters)


def _profiles(has: list[_OfProfile], did: list[Did], known: Known, key: Key, parameters: dict[str, Any]) -> str:
    looked_up = _scope(_PROFILE, "distinct_id", known.lookups, parameters)
    users = rows_in("profiles", _USERS, final=True)
    documents = f"SELECT profile_id AS distinct_id, {readable('properties')} AS document {users}"
    flags = "".join(
        f", toUInt8({_holds(leaf, number, looked_up.scope, parameters, 'text')}) AS has_{number}"
        for number, leaf in enumerate(has)
    )
    rows = with_person(f"SELECT distinct_id{flags} {looked_up.above(rows_from(documents))}", known, naming=False)
    own = "person" if key == "person" else "cityHash64(person) AS who"
    shown = "".join(f", has_{number}" for number in range(len(has))) + _empty("did", did)
    return f"SELECT {own}, toUInt8(1) AS profiled{shown} {rows_from(rows)} WHERE person = distinct_id"


def _empty(name: str, leaves: Sequence[_OfProfile | Did]) -> str:
    kind = {"has": "toUInt8", "did": "toUInt64"}[name]
    return "".join(f", {kind}(0) AS {name}_{number}" for number in range(len(leaves)))


def _events(did: list[Did], known: Known, key: Key, parameters: dict[str, Any], *, counts_all: bool) -> tuple[str, str]:
    """The counted columns and FROM the events, and the settings that these need."""
    events = project_events(parameters["project"])
    if not counts_all:
        events = _counted(events, did)
    projection = Projection(events._replace(parameters={**parameters, **events.parameters}), known)
    if key == "person":
        projection.add_person()
    else:
        projection.add_who()
    for number, leaf in enumerate(did):
        projection.add(f"is_{number}", _is_counted(leaf, number, projection.parameters))
        if leaf.where is not None:
            projection.add_condition(f"where_{number}", leaf.where)
    rows = projection.rows()
    parameters |= rows.parameters
    counts = (
        f", toUInt64(is_{number}{f' AND where_{number}' if leaf.where else ''}) AS did_{number}"
        for number, leaf in enumerate(did)
    )
    return f"{''.join(counts)} {rows.sql}", rows.settings


def _counted(events: Events, did: list[Did]) -> Events:
    """Those events that some condition may count."""
    names = {leaf.event for leaf in did}
    found = events.between(min(leaf.from_ms for leaf in did), max(leaf.before_ms for leaf in did))
    return found if names & {*ANY_EVENT} else found.named(sorted(names))


def _is_counted(leaf: Did, number: int, parameters: dict[str, Any]) -> str:
    """Whether an event has the name and the time."""
    parameters |= {f"from_{number}": leaf.from_ms, f"before_{number}": leaf.before_ms}
    sql = (
        f"(toUnixTimestamp64Milli(time) >= {{from_{number}:Int64}}"
        f" AND toUnixTimestamp64Milli(time) < {{before_{number}:Int64}}"
    )
    if leaf.event in ANY_EVENT:
        return f"{sql} AND {ACTIVITY})"
    parameters[f"event_{number}"] = leaf.event
    return f"{sql} AND event = {{event_{number}:String}})"


def _truth(
    cohort: Condition, has: list[_OfProfile], did: list[Did], parameters: dict[str, Any], without: LookedUp
) -> str:
    """The whole condition over the row of one person. `without` is the scope of one without a profile."""
    match cohort:
        case Not(part):
            return f"NOT {_truth(part, has, did, parameters, without)}"
        case Junction(word, parts):
            return f"({f' {word.upper()} '.join(_truth(part, has, did, parameters, without) for part in parts)})"
        case Did():
            number = did.index(cohort)
            parameters[f"times_{number}"] = cohort.times
            return f"(did_{number} {_SIGNS[cohort.sign]} {{times_{number}:UInt64}})"
        case Has() | Found():
            number = has.index(cohort)
            otherwise = _holds(cohort, number, without.scope, parameters, "id")
            return f"if(profiled, has_{number} = 1, {otherwise})"
