"""Which of a project's events somebody wants to see: by name, person, properties and time.

In comes a filter, out come conditions of SQL with bound parameters. Properties are compared as an expression of
protocol §11 would compare them, written as text: `5` finds the number and the string.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from trackway.query.expressions import Column, JsonColumn, Kind, Scope, condition, parse, readable
from trackway.query.persons import ids_of
from trackway.store.client import Store


class EventFilter(NamedTuple):
    """What is empty or None does not count. `properties` are pairs of name and value, an empty value means any.

    `distinct_id` is any id of a person, whose events of all ids are meant. Times are of the events, in milliseconds
    since the epoch: from the first on, before the second.
    """

    event: str = ""
    distinct_id: str = ""
    properties: Sequence[tuple[str, str]] = ()
    from_ms: int | None = None
    before_ms: int | None = None


class Conditions(NamedTuple):
    """Conditions on rows of `events`: on short columns, which are to be looked at first, and on properties, or ''."""

    first: str
    properties: str

    def sql(self, *more: str) -> str:
        """What follows FROM, with further conditions on short columns."""
        text = f"PREWHERE {' AND '.join((self.first, *more))}"
        return f"{text} WHERE {self.properties}" if self.properties else text


_SCOPE = Scope(
    properties=JsonColumn(f"({readable('properties')})"),
    # What an event has and what does not lie in that JSON.
    columns={
        "distinct_id": Column(Kind.STRING, "distinct_id"),
        "$insert_id": Column(Kind.STRING, "insert_id"),
        "$import": Column(Kind.BOOLEAN, "if(endpoint = 2, true, NULL)"),
        "$mp_api_endpoint": Column(Kind.STRING, "if(endpoint = 2, '/import', '/track')"),
    },
)
# The bounds of time stand there again in the words of the primary key.
_FROM = """time >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
    AND toDate(time) >= toDate(fromUnixTimestamp64Milli({from:Int64}, 'UTC'))"""
_UNTIL = """time < fromUnixTimestamp64Milli({until:Int64}, 'UTC')
    AND toDate(time) <= toDate(fromUnixTimestamp64Milli({until:Int64}, 'UTC'))"""
# As query.identity: an event that names its user belongs to that user.
_PERSON = """(user_id = {person:String} OR user_id = ''
    AND distinct_id IN (SELECT arrayJoin(JSONExtract({ids:String}, 'Array(String)'))))"""


def conditions_of(store: Store, project_id: int, wanted: EventFilter, parameters: dict[str, Any]) -> Conditions:
    """The conditions; what they bind goes to `parameters`. Raises StoreError, and ExpressionError for
    properties whose names and values are too long together."""
    parameters["project"] = project_id
    found, properties = ["project_id = {project:UInt32}"], ""
    if wanted.event:
        found.append("event = {event:String}")
        parameters["event"] = wanted.event
    if wanted.from_ms is not None:
        found.append(_FROM)
        parameters["from"] = wanted.from_ms
    if wanted.before_ms is not None:
        found.append(_UNTIL)
        parameters["until"] = wanted.before_ms
    if wanted.distinct_id:
        ids, _ = ids_of(store, project_id, wanted.distinct_id)
        found.append(_PERSON)
        parameters |= {"ids": json.dumps([*ids, wanted.distinct_id]), "person": ids[0]}
    if wanted.properties:
        expression = parse(" and ".join(_text(name, value) for name, value in wanted.properties))
        properties = condition(expression, _SCOPE, parameters)
    return Conditions(" AND ".join(found), properties)


def _text(name: str, value: str) -> str:
    reference = f"properties[{json.dumps(name)}]"
    return f"string({reference}) == {json.dumps(value)}" if value else f"defined({reference})"
