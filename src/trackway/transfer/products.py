"""Events of other products' exports: PostHog, Amplitude and Plausible.

Each function takes one record of an export and gives the event that a Mixpanel client would have sent. docs/import.md
has the mappings. What is not named there keeps its name and value.
"""

from collections.abc import Mapping as Members
from typing import Any, Final

from trackway.domain.line_ids import NAME
from trackway.transfer.shapes import Refused, Shape, Values, object_in, time_value

_PAGE_VIEW: Final = "$mp_web_page_view"
_DEVICE: Final = "$device:"


def posthog_event(record: Values) -> Values | Refused:
    """An event of PostHog, as its batch exports and its SQL have it: `uuid`, `event`, `distinct_id`, `timestamp` and
    `properties`."""
    properties = object_in(record.get("properties", "{}"))
    missing = _missing(record, "event", "distinct_id", "timestamp")
    if properties is None or missing:
        return Refused(missing or "properties", "not as PostHog exports it")
    name, distinct_id = str(record["event"]), str(record["distinct_id"])
    found = _renamed(properties, _POSTHOG, _POSTHOG_DROPPED)
    anonymous = properties.get("$anon_distinct_id")
    if name == "$identify" and anonymous:
        found |= {"$identified_id": distinct_id, "$anon_id": str(anonymous)}
    elif name == "$identify":
        name = "identify"
    if properties.get("$is_identified") is True:
        found["$user_id"] = distinct_id
    return _event(_POSTHOG_NAMES.get(name, name), found, record["timestamp"], distinct_id, record.get("uuid"))


_POSTHOG_NAMES: Final = {"$pageview": _PAGE_VIEW, "$create_alias": "create alias", "$merge_dangerously": "merge"}
_POSTHOG: Final = {
    "$lib": "mp_lib",
    "$lib_version": "$lib_version",
    "$geoip_city_name": "$city",
    "$geoip_subdivision_1_name": "$region",
    "$geoip_country_code": "mp_country_code",
    "$app_version": "$app_version_string",
}
_POSTHOG_DROPPED: Final = (
    "$ip",
    "$set",
    "$set_once",
    "$unset",
    "$elements",
    "$elements_chain",
    "$anon_distinct_id",
    "token",
)


def amplitude_event(record: Values) -> Values | Refused:
    """An event of Amplitude, as its export API has it: one JSON object a line."""
    missing = _missing(record, "event_type", "event_time")
    user_id, device_id = record.get("user_id"), record.get("device_id")
    if missing or (user_id is None and device_id is None):
        return Refused(missing or "user_id", "not as Amplitude exports it")
    found = dict(object_in(record.get("event_properties")) or {})
    found |= object_in(record.get("groups")) or {}
    for source, name in _AMPLITUDE.items():
        if record.get(source) not in (None, "", -1):
            found[name] = record[source]
    if device_id is not None:
        found["$device_id"] = str(device_id)
    if user_id is not None:
        found["$user_id"] = str(user_id)
    distinct_id = str(user_id) if user_id is not None else f"{_DEVICE}{device_id}"
    name = _AMPLITUDE_NAMES.get(str(record["event_type"]), str(record["event_type"]))
    return _event(name, found, record["event_time"], distinct_id, record.get("uuid"))


_AMPLITUDE_NAMES: Final = {"$identify": "identify", "$groupidentify": "group identify"}
_AMPLITUDE: Final = {
    "city": "$city",
    "region": "$region",
    "country": "country",
    "os_name": "$os",
    "os_version": "$os_version",
    "device_brand": "$brand",
    "device_manufacturer": "$manufacturer",
    "device_model": "$model",
    "device_family": "device_family",
    "device_type": "device_type",
    "device_carrier": "$carrier",
    "version_name": "$app_version_string",
    "library": "mp_lib",
    "language": "language",
    "platform": "platform",
    "session_id": "session_id",
}


def plausible_event(record: Values) -> Values | Refused:
    """A row of Plausible: of its table `events_v2`, or of the tables by day of its CSV export.

    A row by day is one event that has the numbers as properties, since that export has no visits of its own.
    """
    if "pathname" in record and "timestamp" in record:
        return _plausible_raw(record)
    kind = next((each for column, each in _PLAUSIBLE_TABLES.items() if column in record), "visitors")
    if "date" not in record or "visitors" not in record:
        return Refused("date", "not as Plausible exports it")
    numbers = {name: _number(value) for name, value in record.items() if name != "date"}
    return _event(f"Plausible {kind}", numbers, record["date"], "", None)


def _plausible_raw(record: Values) -> Values | Refused:
    missing = _missing(record, "name", "user_id", "timestamp")
    if missing:
        return Refused(missing, "not as Plausible exports it")
    taken = {"name", "timestamp", "user_id", "site_id", "meta.key", "meta.value"}
    given = {name: value for name, value in record.items() if name not in taken and value not in ("", None, 0, "0")}
    found = _renamed(given, _PLAUSIBLE, ())
    if record.get("hostname"):
        found["$current_url"] = f"https://{record['hostname']}{record['pathname']}"
    keys, values = record.get("meta.key"), record.get("meta.value")
    if isinstance(keys, list) and isinstance(values, list):
        found |= dict(zip(map(str, keys), values, strict=False))
    name = _PAGE_VIEW if record["name"] == "pageview" else str(record["name"])
    return _event(name, found, record["timestamp"], str(record["user_id"]), None)


_PLAUSIBLE_TABLES: Final = {
    "page": "pages",
    "entry_page": "entry pages",
    "exit_page": "exit pages",
    "source": "sources",
    "browser": "browsers",
    "operating_system": "operating systems",
    "device": "devices",
    "country": "locations",
    "name": "custom events",
}
"""Columns that only one table has, and the table."""
_PLAUSIBLE: Final = {
    "browser": "$browser",
    "browser_version": "$browser_version",
    "operating_system": "$os",
    "referrer": "$referrer",
    "country_code": "mp_country_code",
    "subdivision1_code": "$region",
}

PRODUCTS: Final[Members[str, Shape]] = {
    "amplitude": amplitude_event,
    "plausible": plausible_event,
    "posthog": posthog_event,
}


def _missing(record: Values, *names: str) -> str:
    """The first of these columns that a record has no value in; "" for none."""
    return next((name for name in names if record.get(name) in (None, "")), "")


def _renamed(properties: Values, names: Members[str, str], dropped: tuple[str, ...]) -> Values:
    return {names.get(name, name): value for name, value in properties.items() if name not in dropped}


def _event(name: str, properties: Values, time: Any, distinct_id: str, insert_id: Any) -> Values:
    own: Values = {"time": time_value(time), "distinct_id": distinct_id}
    if isinstance(insert_id, str) and insert_id:
        own[NAME] = insert_id
    return {"event": name, "properties": properties | own}


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
