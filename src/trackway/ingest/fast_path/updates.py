"""The fast path: profile updates with one operation on plain values, as SDKs send them.

One call reads an update into an object of a type that holds only what every rule accepts: names and strings within
their limits, integers that any reader takes, flat lists. One call writes the operation. So nothing is left to check but
the project, the id and the time. The rules are those of every update. An update that does not fit the type takes the
complete rules, which take three times as long.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import Update
from trackway.domain.limits import PROFILE_PROPERTIES_MAX, PROPERTY_NAME_CHARACTERS_MAX, STRING_CHARACTERS_MAX
from trackway.ingest.arrival import Arrival, Project, project_of_token
from trackway.ingest.limits import FAST_INTEGER_MAX, FAST_LIST_ELEMENTS_MAX
from trackway.ingest.outcome import PROFILE_TOKEN_MISSING, Ignored, Rejected
from trackway.ingest.raw_fields import UNREADABLE, decode_update
from trackway.ingest.rules.ids import id_text
from trackway.ingest.rules.location import profile_location, with_ending
from trackway.ingest.rules.profile import AcceptedUpdate, accept_update, added_properties
from trackway.ingest.rules.times import profile_time

Outcome = AcceptedUpdate | Rejected | Ignored

_OTHERS = (b',"$set_once":', b',"$add":', b',"$append":', b',"$union":')
"""The operations but for `$set`, as they follow another one."""
_OTHERS_ONE_IN = 16
"""If more than one in so many updates of a body leave the fast path, the rest of it takes the complete rules."""

_Name = Annotated[str, Meta(max_length=PROPERTY_NAME_CHARACTERS_MAX)]
_String = Annotated[str, Meta(max_length=STRING_CHARACTERS_MAX)]
_Integer = Annotated[int, Meta(ge=-FAST_INTEGER_MAX, le=FAST_INTEGER_MAX)]
_Plain = _String | _Integer | float | bool
_List = Annotated[list[_Plain | None], Meta(max_length=FAST_LIST_ELEMENTS_MAX)]
_FEW = Meta(max_length=PROFILE_PROPERTIES_MAX)
_Values = Annotated[dict[_Name, _Plain | _List], _FEW]
_ValuesOnce = Annotated[dict[_Name, _Plain | _List | None], _FEW]
_Numbers = Annotated[dict[_Name, _Integer | float], _FEW]
_Lists = Annotated[dict[_Name, _List], _FEW]
_Never = Annotated[str, Meta(min_length=1, max_length=0)] | UnsetType
"""No value is of this type: an update that has such a member takes the complete rules."""


class _Read(msgspec.Struct, gc=False, rename=lambda name: f"${name}"):
    """An update of the fast path. All members but these are ignored, as by the complete rules."""

    token: str
    distinct_id: str
    set: _Values | UnsetType = UNSET
    set_once: _ValuesOnce | UnsetType = UNSET
    add: _Numbers | UnsetType = UNSET
    append: _Values | UnsetType = UNSET
    union: _Lists | UnsetType = UNSET
    ip: str | int | None = None
    time: int | float | None = None
    remove: _Never = UNSET
    unset: _Never = UNSET
    delete: _Never = UNSET
    latitude: _Never = UNSET
    longitude: _Never = UNSET
    ignore_time: _Never = UNSET
    ignore_alias: _Never = UNSET


_read = msgspec.json.Decoder(_Read).decode
_encode = msgspec.json.Encoder().encode


def judge_updates(texts: Sequence[msgspec.Raw | bytes], arrival: Arrival) -> list[Outcome] | None:
    """The outcomes of a body's updates. None when a text is no update, which the complete rules explain."""
    outcomes: list[Outcome] = []
    others = 0
    is_fast = arrival.endpoint is not Endpoint.GROUPS
    while True:
        if is_fast:
            outcomes += _judge_alike(texts[len(outcomes) :], arrival)
        if len(outcomes) == len(texts):
            return outcomes
        try:
            outcomes.append(accept_update(decode_update(texts[len(outcomes)]), arrival))
        except UNREADABLE:
            return None
        others += 1
        is_fast = is_fast and others * _OTHERS_ONE_IN <= len(texts)


def _judge_alike(texts: Sequence[msgspec.Raw | bytes], arrival: Arrival) -> list[AcceptedUpdate]:
    """The updates up to the first that is left to the complete rules."""
    accepted: list[AcceptedUpdate] = []
    project: Project | None = None
    token: str | None = None
    seen: Any = UNSET
    ip: Any = UNSET
    added: dict[str, Any] = {}
    ending = b""
    for text in texts:
        try:
            update = _read(text)
        except UNREADABLE:
            break
        if project is None or update.token != token:
            found = project_of_token(update.token, arrival, PROFILE_TOKEN_MISSING)
            if isinstance(found, Rejected | Ignored):
                break
            project, token = found, update.token
        profile_id = update.distinct_id
        if not profile_id or type(id_text(profile_id, "$distinct_id")) is Rejected:
            break
        if update.time != seen or update.ip != ip:
            seen_ms = profile_time(update.time, arrival)
            if isinstance(seen_ms, Rejected):
                break
            seen, ip = update.time, update.ip
            added = added_properties(seen_ms, profile_location(ip, None, None, arrival))
            ending = b"," + _encode(added)[1:]
        operations = _operations(update, added, ending)
        if operations is None:
            break
        accepted.append(AcceptedUpdate(project.project_id, Update("", profile_id, operations)))
    return accepted


def _operations(update: _Read, added: dict[str, Any], ending: bytes) -> bytes | None:
    """The update's one operation with the server's own properties, None where it has none or several, or sets one of
    these properties itself. `ending`: the text of `added` as the end of an object."""
    operands = (update.set, update.set_once, update.add, update.append, update.union)
    if operands.count(UNSET) != len(operands) - 1:
        return None
    if update.set is not UNSET:
        if added.keys().isdisjoint(update.set):
            return b'{"$set":' + with_ending(_encode(update.set), ending) + b"}"
        return None
    for name, operand in zip(_OTHERS, operands[1:], strict=True):
        if operand is not UNSET and added.keys().isdisjoint(operand):
            return b'{"$set":{' + ending[1:] + name + _encode(operand) + b"}"
    return None
