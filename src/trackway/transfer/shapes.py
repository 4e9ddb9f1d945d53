"""From a record of a file to what the API takes: an event, or an update of a profile.

A shape is a function of a record's values. Which one is used is the choice of the command: Mixpanel's own form needs
none, columns need a mapping, and exports of other products have one each (`products`).
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import orjson

from trackway.lookup.csv_values import json_value
from trackway.transfer.exact_json import parsed

Values = dict[str, Any]


class Refused(NamedTuple):
    """A record that is not sent: the field and the reason, in the words of the server's rejections."""

    field: str
    reason: str


Shape = Callable[[Values], Values | Refused]
"""An event of a record's values. The properties are a new dict."""


class Mapping(NamedTuple):
    """The columns that are an event's name, time and distinct_id, and those that are its properties.

    Without `properties` these are all others. A property column with an object, or with the JSON text of one, gives its
    members. `is_text`: values are texts of a CSV, which are read as numbers and booleans where they look like these.
    """

    event_name: str = "event"
    time: str = "time"
    distinct_id: str = "distinct_id"
    properties: Sequence[str] = ()
    is_text: bool = False


OBJECT: Final = "properties"
"""A column of this name holds an object of properties."""
_INSERT_ID: Final = "$insert_id"
_TABLE: Final = frozenset({"event", "time", "insert_id", "endpoint", "loaded", "properties"})
"""Columns that every row of `trackway export` has. A CSV's empty `distinct_id` is no member of the record."""
_BEFORE: Final = "$distinct_id_before_identity"


def mapped(mapping: Mapping) -> Shape:
    """The shape of records with columns. Where they are the columns of `trackway export`, nothing is lost."""

    def shape(record: Values) -> Values | Refused:
        if record.keys() >= _TABLE:
            return of_table(record)
        name = record.get(mapping.event_name)
        if name is None:
            return Refused("event", f"no value in the column {mapping.event_name!r}")
        properties = properties_of(record, mapping)
        if (insert_id := record.get(_INSERT_ID)) is not None:
            properties.setdefault(_INSERT_ID, insert_id)
        if (time := record.get(mapping.time)) is not None:
            properties["time"] = time_value(time)
        if (distinct_id := record.get(mapping.distinct_id)) is not None:
            properties["distinct_id"] = distinct_id
        return {"event": name, "properties": properties}

    return shape


def properties_of(record: Values, mapping: Mapping) -> Values:
    """The properties that the columns of a record are."""
    taken = {mapping.event_name, mapping.time, mapping.distinct_id}
    names = mapping.properties or [name for name in record if name not in taken]
    found: Values = {}
    for name in names:
        value = record.get(name)
        if value is None:
            continue
        if (members := _members(value, name, mapping)) is not None:
            found |= {key: each for key, each in members.items() if key not in found}
        else:
            found[name] = _typed(value) if mapping.is_text and name != _INSERT_ID else value
    return found


def _members(value: Any, name: str, mapping: Mapping) -> Values | None:
    """The members of a column that holds an object of properties."""
    if name != OBJECT and name not in mapping.properties:
        return None
    return value if isinstance(value, dict) else object_in(value)


def object_in(value: Any) -> Values | None:
    """The object that a text holds as JSON, None where it does not."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, str) or value[:1] != "{":
        return None
    try:
        found = parsed(value.encode())
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _typed(text: Any) -> Any:
    return orjson.Fragment(json_value(text)) if isinstance(text, str) else text


def of_table(record: Values) -> Values | Refused:
    """The event of a row that `trackway export` wrote as CSV or Parquet."""
    properties = object_in(record["properties"])
    if properties is None:
        return Refused("properties", "no JSON object in the column 'properties'")
    own: Values = {"distinct_id": record.get("distinct_id", ""), _INSERT_ID: record["insert_id"]}
    own["time"] = time_value(record["time"])
    if record.get("distinct_id_before_identity") not in (None, "", own["distinct_id"]):
        own[_BEFORE] = record["distinct_id_before_identity"]
    return {"event": record["event"], "properties": properties | own}


def time_value(value: Any) -> Any:
    """A time as `/import` takes it: milliseconds of a date and time as ISO 8601 spells it, without a zone in UTC; else
    the value itself, which the server judges."""
    if not isinstance(value, str) or "-" not in value[1:]:
        return value
    try:
        moment = datetime.fromisoformat(value.removesuffix(" UTC"))
    except ValueError:
        return value
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MILLISECOND


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = datetime(1970, 1, 1, 0, 0, 0, 1000) - datetime(1970, 1, 1)


class Owner(NamedTuple):
    """Whose profiles are sent: of users where `group_key` is empty, else of the groups of that key."""

    token: str
    group_key: str = ""

    @property
    def id_name(self) -> str:
        return "$group_id" if self.group_key else "$distinct_id"


_UPDATES: Final = ("$set", "$set_once", "$union", "$unset", "$delete")
"""Operations that change nothing when they are repeated."""
_NOT_REPEATABLE: Final = ("$add", "$append", "$remove", "$increment")
_GIVEN_IDS: Final = ("$distinct_id", "$group_id", "distinct_id", "$group_key")


def profile(owner: Owner, mapping: Mapping | None) -> Shape:
    """The update that sets a profile: of a record as the profile query gives it (`$distinct_id`, `$properties`), of an
    update as `/engage` takes it, or of columns.

    A record may be sent twice, so an update that would add up is refused. The time of an import is nobody's time of
    being seen: `$last_seen` is set only where the record has it. No record is located.
    """

    def shape(record: Values) -> Values | Refused:
        for name in _NOT_REPEATABLE:
            if name in record:
                return Refused(name, f"{name} would be applied again by a resumed import: send it to /engage")
        id_column = mapping.distinct_id if mapping else "$distinct_id"
        found = record.get(id_column, record.get(owner.id_name, record.get("$distinct_id")))
        if found is None:
            return Refused(owner.id_name, f"no value in {id_column!r}")
        update: Values = {"$token": owner.token, owner.id_name: found, "$ip": "0", "$ignore_time": True}
        if owner.group_key:
            update["$group_key"] = owner.group_key
        operations = {name: record[name] for name in _UPDATES if name in record}
        if operations:
            return update | operations
        members = record.get("$properties")
        if not isinstance(members, dict):
            columns = mapping or Mapping()
            rest = {name: value for name, value in record.items() if name not in (*_GIVEN_IDS, id_column)}
            members = properties_of(rest, columns._replace(event_name="", time="", distinct_id=""))
        return update | {"$set": members}

    return shape
