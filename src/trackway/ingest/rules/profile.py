"""The rules of one profile record, in the order they are applied (protocol §5).

A record of `/engage` or `/groups` from the decoder goes in; `AcceptedUpdate`, `Rejected` or `IGNORED` comes out. Pure,
and independent of the profile's state. The loader applies accepted updates in the order of the journal. Everything that
must not differ from one application to the next is decided here: the time last seen, and the place.
"""

import time
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import Update
from trackway.ingest import outcome
from trackway.ingest.arrival import Arrival, project_of_token
from trackway.ingest.outcome import Ignored, Rejected, invalid
from trackway.ingest.raw_fields import Members, look
from trackway.ingest.rules.ids import any_id_text, id_text
from trackway.ingest.rules.location import profile_location
from trackway.ingest.rules.operations import Operations, read_operations
from trackway.ingest.rules.times import profile_time

LAST_SEEN = "$last_seen"
_PUTTING = frozenset({"$set", "$set_once", "$add", "$append", "$union"})
"""Operations that show the profile was seen; `$remove`, `$unset` and `$delete` only take away."""

_encode = msgspec.json.Encoder().encode


class AcceptedUpdate(NamedTuple):
    """A record whose operations are all valid."""

    project_id: int
    update: Update


class ProfileId(NamedTuple):
    """Which profile of a project; `group_key` is empty for a user's."""

    group_key: str
    profile_id: str


def accept_update(record: Members, arrival: Arrival) -> AcceptedUpdate | Rejected | Ignored:
    """Apply every rule to one profile record."""
    project = project_of_token(look(record, "$token"), arrival, outcome.PROFILE_TOKEN_MISSING)
    if isinstance(project, Rejected | Ignored):
        return project
    profile = _group(record) if arrival.endpoint is Endpoint.GROUPS else _user(record)
    if isinstance(profile, Rejected):
        return profile
    operations = read_operations(record)
    if isinstance(operations, Rejected):
        return operations
    added = _added(record, operations, arrival)
    if isinstance(added, Rejected):
        return added
    ignore_alias = look(record, "$ignore_alias")
    as_given = ignore_alias is True or ignore_alias == "true"
    return AcceptedUpdate(project.project_id, Update(*profile, _encode(_with_added(operations, added)), as_given))


def _user(record: Members) -> ProfileId | Rejected:
    distinct_id = look(record, "$distinct_id")
    if distinct_id is None or distinct_id == "":
        return outcome.missing_or_empty("$distinct_id")
    text = id_text(distinct_id, "$distinct_id")
    return text if isinstance(text, Rejected) else ProfileId("", text)


def _group(record: Members) -> ProfileId | Rejected:
    """A group may be called `none` or `0`; only a person may not."""
    if look(record, "$distinct_id") is not None:
        return invalid("$distinct_id", "must not be given for a group, which is named by $group_key and $group_id")
    names = []
    for field in ProfileId("$group_key", "$group_id"):
        value = look(record, field)
        if value is None or value == "":
            return outcome.missing_or_empty(field)
        text = any_id_text(value, field)
        if isinstance(text, Rejected):
            return text
        names.append(text)
    return ProfileId(*names)


def _added(record: Members, operations: Operations, arrival: Arrival) -> dict[str, Any] | Rejected:
    """The properties that the server sets by itself for this record."""
    seen_ms = profile_time(look(record, "$time"), arrival)
    if isinstance(seen_ms, Rejected):
        return seen_ms
    if _PUTTING.isdisjoint(operations):
        return {}
    place = _place(record, arrival)
    return place if look(record, "$ignore_time") in (True, "true") else added_properties(seen_ms, place)


def added_properties(seen_ms: int, place: dict[str, str]) -> dict[str, Any]:
    """The properties that the server sets by itself: the time last seen in milliseconds, and a user's place."""
    return {LAST_SEEN: _date_time(seen_ms // 1000)} | place


def _place(record: Members, arrival: Arrival) -> dict[str, str]:
    """The place of a user's record. A group has none: its requests come from any of its members, or from a server."""
    if arrival.endpoint is Endpoint.GROUPS:
        return {}
    return profile_location(look(record, "$ip"), look(record, "$latitude"), look(record, "$longitude"), arrival)


@lru_cache(maxsize=1024)
def _date_time(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _with_added(operations: Operations, added: dict[str, Any]) -> Operations:
    """The operations with the server's own properties in their `$set`, without those that any operation of the client
    sets itself (protocol §4).

    They come after the client's, which have priority where a profile is nearly full. A new `$set` for them comes first,
    after a `$delete`, so the client's own operations have the last word.
    """
    own = set[str]().union(*(operations[name] for name in _PUTTING.intersection(operations)))
    added = {name: value for name, value in added.items() if name not in own}
    if not added:
        return operations
    if "$set" in operations:
        return operations | {"$set": operations["$set"] | added}
    if "$delete" in operations:
        return {"$delete": operations["$delete"], "$set": added} | operations
    return {"$set": added} | operations
