"""The rules of an event once more: slowly, over `json.loads`, one after the other as protocol §4 and §6 name them.

Written apart from the product's own rules and only to be compared with them. What it cannot know (an `$insert_id` made
up or replaced) it leaves out.
"""

import string
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np

from tests.support.ingest.bodies import DAY_S, PROJECTS
from tests.support.ingest.refused_ids import REFUSED_IDS
from trackway.domain.endpoint import Endpoint
from trackway.domain.link import LinkKind
from trackway.ingest.arrival import Arrival

LINKING = ["$identify", "$create_alias", "$merge"]
NEVER_STORED = ["token", "time", "distinct_id", "$insert_id", "ip", "api_key"]
WRITTEN_BY_SERVER = [
    "$import",
    "$mp_api_endpoint",
    "$mp_api_timestamp_ms",
    "mp_processing_time_ms",
    "$mp_api_event_time_ms",
    "$distinct_id_before_identity",
    "$identity_failure_reason",
    "$failure_reason",
]


@dataclass(frozen=True)
class Event:
    """An accepted event. `insert_id` is None where it is the server's own; `distinct_id` where it is a hash.
    `links` are (kind, id, to)."""

    project_id: int
    time_ms: int
    event: str
    distinct_id: str | None
    insert_id: str | None
    device_id: str
    user_id: str
    properties: dict[str, Any]
    links: tuple[tuple[LinkKind, str, str], ...] = ()


class Refused(Exception):
    """A broken rule: (field, message)."""

    def __init__(self, field: str, message: str):
        super().__init__(field, message)
        self.field = field
        self.message = message


class IgnoredRecord(Exception):
    """The client wants the record to be dropped."""


def invalid(field: str, why: str) -> Refused:
    return Refused(field, f"'{field}' is invalid: {why}")


def judge(record: dict[str, Any], to: Arrival) -> Event | tuple[str, str] | None:
    """What becomes of a record: the event, the (field, message) of its rejection, or None when it is ignored."""
    try:
        return _event(record, to)
    except Refused as refused:
        return refused.field, refused.message
    except IgnoredRecord:
        return None


def _event(record: dict[str, Any], to: Arrival) -> Event:
    on_track = to.endpoint is Endpoint.TRACK
    name = record.get("event")
    if name is None or name == "":
        raise Refused("event", "event, missing") if on_track else invalid("event", "must not be missing")
    if not isinstance(name, str):
        raise invalid("event", "must be a string")
    if len(name) > 255:
        raise invalid("event", "must not be longer than 255 characters")
    if "properties" not in record:
        if on_track:
            raise Refused("properties.token", "token, missing or empty")
        raise invalid("properties", "must not be missing")
    given: dict[str, Any] = dict(record["properties"])
    if not on_track:
        _put_back(given)
    project_id = _project_id(given, to)
    if given.get("$ignore"):
        raise IgnoredRecord
    time_ms = _time_ms(given.get("time"), name, to)
    original = any(each.project_id == project_id and each.identity_mode == "original" for each in PROJECTS.values())
    asked = _asked(given, name, to)
    distinct_id, device_id, user_id = _ids(given, asked, to, original)
    if name == "$identify" and asked and not original and not asked[0].startswith("$device:"):
        user_id = distinct_id = user_id or asked[0]
        if not device_id and user_id == asked[0] and asked[0] != asked[1]:
            device_id = _device_named(given, asked[1]) or ""
    insert_id = _insert_id(given.get("$insert_id"), name, to)
    properties = _properties(given) | _location(given, to)
    links = _links(given, name, asked, (device_id, user_id), original)
    return Event(project_id, time_ms, name, distinct_id, insert_id, device_id, user_id, properties, links)


def _put_back(given: dict[str, Any]) -> None:
    """What an export line shows otherwise than it was sent (docs/compatibility.md)."""
    before, exact = given.get("$distinct_id_before_identity"), given.get("$mp_api_event_time_ms")
    try:
        if before is not None and _id(before, ""):
            given["distinct_id"] = before
    except Refused:
        pass
    if isinstance(exact, int | float) and not isinstance(exact, bool) and exact == int(exact):
        try:
            shown = _milliseconds(given.get("time"))
        except Refused:
            return
        if shown % 1000 == 0 and int(exact) - int(exact) % 1000 == shown:
            given["time"] = int(exact)


def _project_id(given: dict[str, Any], to: Arrival) -> int:
    if to.project is not None:
        return to.project.project_id
    token = given.get("token")
    if not isinstance(token, str) or not token:
        raise Refused("properties.token", "token, missing or empty")
    if token not in PROJECTS:
        if to.accept_unknown_tokens:
            raise IgnoredRecord
        raise Refused("properties.token", "token, unknown")
    return PROJECTS[token].project_id


def _time_ms(value: Any, name: str, to: Arrival) -> int:
    now_ms = to.received_us // 1000
    if value is None:
        if to.strict and name not in LINKING:
            raise invalid("properties.time", "must not be missing")
        return now_ms
    ms = _milliseconds(value)
    if to.endpoint is Endpoint.TRACK:
        if ms < now_ms - 5 * DAY_S * 1000:
            raise invalid("properties.time", "must not be older than 5 days; send it to /import")
        if ms >= 253402300800 * 1000:
            unit = "nanoseconds" if ms >= 253402300800 * 1000000 else "microseconds"
            raise invalid("properties.time", f"must be specified as seconds or milliseconds since epoch, not {unit}")
    elif ms > now_ms + 3_600_000:
        raise invalid("properties.time", "must not be in the future")
    elif ms < 31_536_000_000:
        raise invalid("properties.time", "must not be before 1971-01-01")
    return min(ms, now_ms)


def _milliseconds(value: Any) -> int:
    if isinstance(value, str) and _is_numeric(value):
        value = float(value) if "." in value else int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid("properties.time", "must be specified as seconds since epoch")
    if value < 1e11:
        value = max(value, -1e15) * 1000  # far enough back for every rule
    return int(min(value, 1e22))


def _is_numeric(text: str) -> bool:
    whole, point, fraction = text.removeprefix("-").partition(".")
    parts = [whole, fraction] if point else [whole]
    return all(0 < len(part) <= 20 and set(part) <= set(string.digits) for part in parts)


def _id(value: Any, field: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise invalid(field, "must be a string")
    if isinstance(value, float):
        value = np.format_float_positional(value, trim="-")
    text = str(value)
    if len(text) > 255:
        raise invalid(field, "must not be longer than 255 characters")
    if text.lower() in REFUSED_IDS:
        raise invalid(field, f"must not be '{text}', which stands for no one")
    return text


def _first(given: dict[str, Any], fields: list[str], to: Arrival) -> str:
    for field in fields:
        if given.get(field) is not None and (text := _id(given[field], f"properties.{field}")):
            return text
    if to.endpoint is Endpoint.TRACK:
        raise Refused(f"properties.{fields[0]}", f"{fields[0]}, missing or empty")
    raise invalid(f"properties.{fields[0]}", "must not be missing")


def _asked(given: dict[str, Any], name: str, to: Arrival) -> tuple[str, str] | None:
    """The two ids that a request to link names, the one whose name stays first (protocol §6)."""
    if name == "$identify":
        stays = _first(given, ["$identified_id", "distinct_id", "$user_id"], to)
        return stays, _first(given, ["$anon_id", "$anon_distinct_id"], to)
    if name == "$create_alias":
        return _first(given, ["distinct_id"], to), _first(given, ["alias"], to)
    if name != "$merge":
        return None
    if to.endpoint is Endpoint.TRACK:
        raise invalid("event", "$merge must be sent to /import")
    both, field = given.get("$distinct_ids"), "properties.$distinct_ids"
    if both is None:
        raise invalid(field, "must not be missing")
    if not isinstance(both, list) or len(both) != 2:
        raise invalid(field, "must be a list of two distinct_ids")
    ids = []
    for index, value in enumerate(both):
        ids.append(_id(value, f"{field}[{index}]"))
        if not ids[-1]:
            raise invalid(f"{field}[{index}]", "must not be empty")
    if ids[0] == ids[1]:
        raise invalid(field, "must be two different distinct_ids")
    return ids[0], ids[1]


def _device_named(given: dict[str, Any], anonymous: str) -> str | None:
    """The device that an `$identify` names as its anonymous id; None where that may be the user before."""
    if anonymous.startswith("$device:"):
        return anonymous[len("$device:") :]
    is_device = given.get("$anon_id") not in (None, "") or given.get("$user_id") in (None, "")
    return anonymous if is_device else None


def _links(
    given: dict[str, Any], name: str, asked: tuple[str, str] | None, pair: tuple[str, str], original: bool
) -> tuple[tuple[LinkKind, str, str], ...]:
    if original:
        kinds = {"$identify": LinkKind.IDENTIFY, "$create_alias": LinkKind.ALIAS, "$merge": LinkKind.MERGE}
        return ((kinds[name], asked[1], asked[0]),) if asked and asked[0] != asked[1] else ()
    device_id, user_id = pair
    links = [(f"$device:{device_id}", user_id)] if device_id and user_id else []
    if name == "$identify" and asked and asked[0] != asked[1]:
        user, anonymous = asked
        if device := _device_named(given, anonymous):
            links += [(f"$device:{device}", user), *([(anonymous, user)] if device == anonymous else [])]
    return tuple(dict.fromkeys((LinkKind.DEVICE, *link) for link in links if not link[1].startswith("$device:")))


def _ids(
    given: dict[str, Any], asked: tuple[str, str] | None, to: Arrival, original: bool
) -> tuple[str | None, str, str]:
    """distinct_id, device_id, user_id (protocol §6); in original mode the last two are properties like any other."""
    ids = {}
    if isinstance(given.get("$device_id"), str):
        given["$device_id"] = given["$device_id"].removeprefix("$device:")
    for key in ("distinct_id", "$user_id", "$device_id"):
        ids[key] = None if given.get(key) is None else _id(given[key], f"properties.{key}")
    distinct_id, user_id, device_id = ids["distinct_id"], ids["$user_id"] or "", ids["$device_id"] or ""
    if original:
        for each in (distinct_id, user_id, device_id and f"$device:{device_id}", distinct_id):
            if each:
                return each, "", ""
    if not device_id and distinct_id is not None and distinct_id.startswith("$device:"):
        device_id = distinct_id[len("$device:") :]
    if user_id:
        return user_id, device_id, user_id
    if device_id:
        return f"$device:{device_id}", device_id, ""
    if distinct_id is not None:
        return distinct_id, "", ""
    if asked:
        return asked[0], "", ""
    if to.hash_address is not None:
        return None, "", ""
    if to.endpoint is Endpoint.TRACK:
        raise Refused("properties.distinct_id", "distinct_id, missing or empty")
    raise invalid("properties.distinct_id", "must not be missing")


def _insert_id(value: Any, name: str, to: Arrival) -> str | None:
    try:
        if value is None:
            raise invalid("$insert_id", "must not be missing")
        return _given_insert_id(value)
    except Refused:
        if to.strict and (value is not None or name not in LINKING):
            raise
        return None


def _given_insert_id(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise invalid("$insert_id", "must be a string")
    text = str(value)
    if len(text) > 36:
        raise invalid("$insert_id", "must not be longer than 36 bytes")
    if not text or not set(text) <= set(string.ascii_letters + string.digits + "-"):
        raise invalid("$insert_id", "must only contain alphanumeric or hyphen '-' characters")
    if text.lower() in REFUSED_IDS:
        raise invalid("$insert_id", f"must not be '{text}', which identifies nothing")
    return text


def _properties(given: dict[str, Any]) -> dict[str, Any]:
    own = {key: value for key, value in given.items() if key not in NEVER_STORED + WRITTEN_BY_SERVER}
    if len(own) >= 255:
        raise invalid("properties", "must have fewer than 255 properties")
    return {key: _value(f"properties.{key}", value, 1) for key, value in own.items() if value is not None}


def _location(given: dict[str, Any], to: Arrival) -> dict[str, str]:
    """What geolocation adds: by coordinates, else by the event's ip, else by the request's place (protocol §4)."""
    place = None
    latitude, longitude = given.get("$latitude"), given.get("$longitude")
    if _is_number(latitude) and _is_number(longitude):
        place = to.nearest(latitude, longitude)
    if place is None:
        if given.get("ip") is None:
            place = to.place
        elif isinstance(given["ip"], str):
            place = to.place_of(given["ip"])
    if place is None:
        return {}
    found = {"$city": place.city, "$region": place.region, "mp_country_code": place.country_code}
    return {name: value for name, value in found.items() if value and given.get(name) is None}


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _value(field: str, value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return value[:255]
    if isinstance(value, dict | list) and depth > 3:
        raise invalid(field, "must not be nested deeper than 3 levels")
    if isinstance(value, list):
        if len(value) >= 255:
            raise invalid(field, "must have fewer than 255 elements")
        return [_value(f"{field}[{index}]", element, depth + 1) for index, element in enumerate(value)]
    if isinstance(value, dict):
        if len(value) >= 255:
            raise invalid(field, "must have fewer than 255 keys")
        return {key: _value(f"{field}.{key}", member, depth + 1) for key, member in value.items()}
    return value
