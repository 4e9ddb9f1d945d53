"""Which of a project's events a page shows: by name, person, properties and time.

A filter comes in, events and an expression come out. A property is compared as its text, by an expression of protocol
§11: `5` finds the number and the string. `$time` is the event's time, and any text that spells it finds it.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

from trackway.query.expressions import Expression, parse, readable
from trackway.query.sql.any_property import has_value
from trackway.query.sql.events import Events, project_events
from trackway.query.sql.lookups import Lookups
from trackway.query.sql.tables import GIVEN_IDS


class EventFilter(NamedTuple):
    """What is empty or None does not count. `properties` are pairs of name and value. An empty value means any value.
    An empty name means any property, and then the event's ids, too.

    `distinct_id` is any id of a person, and finds the events of all of its ids. Times are of the events, in
    milliseconds since the epoch: from the first on, before the second. `lookups`: the tables whose columns the names of
    properties may mean.
    """

    event: str = ""
    distinct_id: str = ""
    properties: Sequence[tuple[str, str]] = ()
    from_ms: int | None = None
    before_ms: int | None = None
    lookups: Lookups = Lookups()


_ANY = f"""(distinct_id = {{any:String}} OR insert_id = {{any:String}}
    OR {has_value("properties", readable("properties"), "{any:String}")})"""
# An event that names its user belongs to that user, whatever its device is linked to.
_OF_PERSON = f"(user_id = {{person:String}} OR user_id = '' AND distinct_id IN ({GIVEN_IDS}))"


def filtered_events(project_id: int, wanted: EventFilter, ids: Sequence[str]) -> Events:
    """The events that a filter chooses, apart from its properties with a name.

    `ids` are all ids of the person that it names, the canonical one first; empty if it names none.
    """
    found = project_events(project_id).between(wanted.from_ms, wanted.before_ms)
    if wanted.event:
        found = found.named([wanted.event])
    if ids:
        found = found.having(row=[_OF_PERSON], ids=json.dumps([*ids, wanted.distinct_id]), person=ids[0])
    for number, value in enumerate(value for name, value in wanted.properties if not name):
        found = found.having(properties=[_ANY.replace("{any:", f"{{any{number}:")], **{f"any{number}": value})
    return found


def properties_expression(wanted: EventFilter) -> Expression | None:
    """The properties of a filter that have a name, as an expression; None if there are none.

    Raises ExpressionError for properties whose names and values are too long together.
    """
    named = [_text(name, value) for name, value in wanted.properties if name]
    return parse(" and ".join(named)) if named else None


def _text(name: str, value: str) -> str:
    reference = f"properties[{json.dumps(name)}]"
    if not value:
        return f"defined({reference})"
    # The event's time is a datetime, which has no text but equals a text that spells it.
    compared = reference if name == "$time" else f"string({reference})"
    return f"{compared} == {json.dumps(value)}"
