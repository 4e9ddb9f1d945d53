"""The place of an event or a profile update, and the properties it adds (protocol §4 Geolocation, §5). Pure.

Coordinates come before an address, and the record's own address before the request's. A place is used as a whole: each
of its names is added unless the client gave such a property itself. No address leaves this module.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from trackway.geo.place import Place
from trackway.ingest.arrival import Arrival
from trackway.ingest.limits import PLACES_REMEMBERED

EVENT_NAMES = ("$city", "$region", "mp_country_code")
"""The properties of an event for a place's city, region and country code."""

_encode = msgspec.json.Encoder().encode


def place_of_record(ip: Any, latitude: Any, longitude: Any, arrival: Arrival) -> Place | None:
    """The place of a record with these properties (JSON values; None is not given, or null)."""
    return _nearest(latitude, longitude, arrival) or _place_of_ip(ip, arrival)


@lru_cache(PLACES_REMEMBERED)
def event_ending(place: Place) -> bytes:
    """The properties a place adds to an event, as the end of a JSON object: from the comma to the closing brace."""
    return _ending(_of_event(place))


def with_place(properties: bytes, place: Place, own: Mapping[str, Any]) -> bytes:
    """The JSON text of an event's properties and those of its place, without names that are among its `own`."""
    if own.keys().isdisjoint(EVENT_NAMES):
        return with_ending(properties, event_ending(place))
    return with_ending(
        properties, _ending({name: value for name, value in _of_event(place).items() if name not in own})
    )


def with_ending(properties: bytes, ending: bytes) -> bytes:
    """A JSON object's text, as compact as `_encode` writes it, with another end."""
    return properties[:-1] + ending if len(properties) > len(b"{}") else b"{" + ending.removeprefix(b",")


def profile_location(ip: Any, latitude: Any, longitude: Any, arrival: Arrival) -> dict[str, str]:
    """The properties that the place of a profile update sets, where its `$set` does not name them (protocol §5).

    `ip`, `latitude`, `longitude`: the JSON values of `$ip`, `$latitude` and `$longitude`; None where not given.
    """
    near = _nearest(latitude, longitude, arrival)
    place = near or _place_of_ip(ip, arrival)
    if place is None:
        return {}
    named = {
        "$city": place.city,
        "$region": place.region,
        "$country_code": place.country_code,
        "$timezone": place.timezone,
        "$geo_source": "reverse_geocoding" if near else "",
    }
    return {name: value for name, value in named.items() if value}


def _of_event(place: Place) -> dict[str, str]:
    return dict(zip(EVENT_NAMES, place, strict=False))  # all but the time zone


def _ending(named: dict[str, str]) -> bytes:
    known = {name: value for name, value in named.items() if value}
    return b"," + _encode(known)[1:] if known else b"}"


def _nearest(latitude: Any, longitude: Any, arrival: Arrival) -> Place | None:
    if type(latitude) not in (int, float) or type(longitude) not in (int, float):
        return None
    return arrival.nearest(latitude, longitude)


def _place_of_ip(ip: Any, arrival: Arrival) -> Place | None:
    """A given `ip` that is no address, such as 0, means no place: the request's place is not that of the person."""
    if ip is None:
        return arrival.place
    return arrival.place_of(ip) if type(ip) is str else None
