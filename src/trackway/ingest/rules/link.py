"""The events that ask for two ids to be one person: `$identify`, `$create_alias` and `$merge` (protocol §6).

The members of such an event come in. Its two ids come out, or the reason why it is rejected; then the links to ask the
loader for. Each SDK spells the ids of `$identify` in its own way. `$identified_id` and `$anon_id` are documented; SDKs
that also send `$device_id` and `$user_id` write `distinct_id` and `$anon_distinct_id`. Pure.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from trackway.domain.endpoint import Endpoint
from trackway.domain.identity_mode import DEVICE_PREFIX, ORIGINAL
from trackway.domain.link import Link, LinkKind
from trackway.ingest.outcome import Rejected, invalid, missing_or_empty
from trackway.ingest.raw_fields import Members, look
from trackway.ingest.rules.ids import DevicePair, EventIds, device_pair, id_text

_KINDS: Final = {"$identify": LinkKind.IDENTIFY, "$create_alias": LinkKind.ALIAS, "$merge": LinkKind.MERGE}
IDENTITY_EVENTS: Final = frozenset(_KINDS)
"""Events that link ids. They may come without time and $insert_id, and some without distinct_id."""
_IDENTIFIED: Final = ("$identified_id", "distinct_id", "$user_id")
_ANONYMOUS: Final = ("$anon_id", "$anon_distinct_id")


class Asked(NamedTuple):
    """The two ids that an event of IDENTITY_EVENTS asks to link; `to` is the one whose name stays.

    `is_device`: `id` may be a device's id without its prefix, so it is linked under that name too.
    """

    kind: LinkKind
    id: str
    to: str
    is_device: bool


class _Found(NamedTuple):
    field: str
    text: str


def read_request(name: str, members: Members, endpoint: Endpoint) -> Asked | Rejected:
    """The ids that an event of IDENTITY_EVENTS asks to link. Takes nothing out of the members."""
    if name == "$merge":
        return _merge(members, endpoint)
    if name == "$create_alias":
        to, id_ = _first(members, ("distinct_id",), endpoint), _first(members, ("alias",), endpoint)
    else:
        to, id_ = _first(members, _IDENTIFIED, endpoint), _first(members, _ANONYMOUS, endpoint)
    if isinstance(to, Rejected):
        return to
    if isinstance(id_, Rejected):
        return id_
    # A client that names its user names its device too, and the previous id may be that of another user.
    is_device = id_.field == "$anon_id" or look(members, "$user_id") in (None, "")
    return Asked(_KINDS[name], id_.text, to.text, is_device)


def ids_of_request(ids: EventIds, asked: Asked, mode: str) -> EventIds:
    """The ids of an event that asks to link two. In simplified mode an `$identify` names its device and its user, in
    any of its properties: it is an event of the user, and shows when the device was refused to the user."""
    if mode == ORIGINAL or asked.kind is not LinkKind.IDENTIFY or asked.to.startswith(DEVICE_PREFIX):
        return ids
    user_id = ids.user_id or asked.to
    device_id = ids.device_id or (_device_of(asked) if user_id == asked.to != asked.id else "")
    pair = device_pair(device_id, user_id)
    return EventIds(user_id, device_id, user_id, ids.insert_id, ids.deduplicated, pair)


def links_asked(asked: Asked, mode: str, insert_id: str) -> Sequence[DevicePair | Link]:
    """The links that a request asks for in a project of this mode; `insert_id` is the event's.

    In simplified mode only `$identify` links, and only a device to a user: by its id with the prefix, and by the bare
    id, because earlier events may have that as their distinct_id.
    """
    if asked.id == asked.to:
        return ()
    if mode == ORIGINAL:
        return (Link(asked.kind, asked.id, asked.to, insert_id),)
    device_id = _device_of(asked) if asked.kind is LinkKind.IDENTIFY else ""
    pair = device_pair(device_id, asked.to)
    if pair is None:
        return ()
    return (pair,) if device_id != asked.id else (pair, Link(LinkKind.DEVICE, asked.id, asked.to))


def _device_of(asked: Asked) -> str:
    """The `$device_id` that an `$identify` names as its anonymous id; '' if that id is the previous user."""
    device_id = asked.id.removeprefix(DEVICE_PREFIX)
    return device_id if asked.is_device or device_id != asked.id else ""


def _merge(members: Members, endpoint: Endpoint) -> Asked | Rejected:
    """Two ids that are not the same, and only with the credentials of `/import` (openapi/identity identity-merge)."""
    if endpoint is Endpoint.TRACK:
        return invalid("event", "$merge must be sent to /import")
    field = "properties.$distinct_ids"
    given = look(members, "$distinct_ids")
    if given is None:
        return invalid(field, "must not be missing")
    if type(given) is not list or len(given) != 2:
        return invalid(field, "must be a list of two distinct_ids")
    ids = []
    for index, value in enumerate(given):
        text = _id(value, f"{field}[{index}]")
        if isinstance(text, Rejected):
            return text
        ids.append(text)
    to, id_ = ids
    if to == id_:
        return invalid(field, "must be two different distinct_ids")
    return Asked(LinkKind.MERGE, id_, to, is_device=False)


def _id(value: Any, field: str) -> str | Rejected:
    return id_text(value, field) or invalid(field, "must not be empty")


def _first(members: Members, fields: Sequence[str], endpoint: Endpoint) -> _Found | Rejected:
    """The first of the fields that is given and not empty; the documented one is named when there is none."""
    for field in fields:
        value = look(members, field)
        text = "" if value is None else id_text(value, f"properties.{field}")
        if isinstance(text, Rejected):
            return text
        if text:
            return _Found(field, text)
    if endpoint is Endpoint.TRACK:
        return missing_or_empty(fields[0])._replace(field=f"properties.{fields[0]}")
    return invalid(f"properties.{fields[0]}", "must not be missing")
