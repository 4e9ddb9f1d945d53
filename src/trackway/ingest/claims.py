"""What the bytes of a refused or ignored record claim: the project and the `$insert_id` that they name.

A record that breaks a rule may still name both, and then its project sees it. Bytes go in; nothing here raises.
"""

from collections.abc import Callable
from typing import Any

from msgspec import UNSET

from trackway.domain.entry import NO_PROJECT
from trackway.ingest.arrival import Arrival
from trackway.ingest.raw_fields import UNREADABLE, decode_event, decode_update, look

Claims = Callable[[bytes, Arrival], tuple[int, str]]
"""The project's id, or NO_PROJECT, and the `$insert_id`, or the empty string, as far as they can be read."""


def no_claims(_original: bytes, _arrival: Arrival) -> tuple[int, str]:
    """The claims of a record that was not read."""
    return NO_PROJECT, ""


def event_claims(original: bytes, arrival: Arrival) -> tuple[int, str]:
    """The claims of an event; its project is that of the credentials, if there are any."""
    project_id = arrival.project.project_id if arrival.project else NO_PROJECT
    try:
        members = decode_event(original).properties
    except UNREADABLE:
        return project_id, ""
    if members is UNSET:
        return project_id, ""
    insert_id = look(members, "$insert_id")
    if arrival.project is None:
        project_id = _named_project(look(members, "token"), arrival)
    return project_id, insert_id if type(insert_id) is str else ""


def update_claims(original: bytes, arrival: Arrival) -> tuple[int, str]:
    """The claims of a profile update, which has no `$insert_id`."""
    try:
        return _named_project(look(decode_update(original), "$token"), arrival), ""
    except UNREADABLE:
        return NO_PROJECT, ""


def _named_project(token: Any, arrival: Arrival) -> int:
    project = arrival.find_project(token) if type(token) is str else None
    return project.project_id if project else NO_PROJECT
