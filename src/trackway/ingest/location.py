"""Where an event or a profile update comes from, and what that adds to it (protocol §4 Geolocation, §5). Pure.

Coordinates win over an address, and the record's own address over the request's. A place is taken as a whole; then
each of its names is added where the client gave no such property itself. No address passes on from here.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Protocol

import msgspec

from trackway.geo.place import Place, PlaceOfAddress, PlaceOfCoordinates
from trackway.limits import PLACES_REMEMBERED

EVENT_NAMES = ("$city", "$region", "mp_country_code")
"""What a place's city, region and country code are called in an event."""


class Whereabouts(Protocol):
    """What the rules need to know of a request; `events.Arrival` has it."""

    @property
    def place(self) -> Place | None: ...
    @property
    def place_of(self) -> PlaceOfAddress: ...
    @property
    def nearest(self) -> PlaceOfCoordinates: ...


_encode = msgspec.json.Encoder().encode


def place_of_record(ip: Any, latitude: Any, longitude: Any, request: Whereabouts) -> Place | None:
    """The place of a record with these properties (JSON values; None is not given, or null)."""
    return _nearest(latitude, longitude, request) or _place_of_ip(ip, request)


@lru_cache(PLACES_REMEMBERED)
def event_ending(place: Place) -> bytes:
    """What a place adds to an event: the end of a JSON object, from the comma before its members to its brace."""
    return _ending(_of_event(place))


def with_place(properties: bytes, place: Place, own: Mapping[str, Any]) -> bytes:
    """The JSON text of an event's properties with those of its place added, except for names among its `own`."""
    if own.keys().isdisjoint(EVENT_NAMES):
        return with_ending(properties, event_ending(place))
    return with_ending(
        properties, _ending({name: value for name, value in _of_event(place).items() if name not in own})
    )


def with_ending(properties: bytes, ending: bytes) -> bytes:
    """A JSON object's text, as compact as `_encode` writes it, with another end."""
    return properties[:-1] + ending if len(properties) > len(b"{}") else b"{" + ending.removeprefix(b",")


def profile_location(ip: Any, latitude: Any, longitude: Any, request: Whereabouts) -> dict[str, str]:
    """The properties that the place of a profile update sets, where its `$set` does not name them (protocol §5).

    `ip`, `latitude`, `longitude`: the JSON values of `$ip`, `$latitude` and `$longitude`; None where not given.
    """
    near = _nearest(latitude, longitude, request)
    place = near or _place_of_ip(ip, request)
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


def _nearest(latitude: Any, longitude: Any, request: Whereabouts) -> Place | None:
    if type(latitude) not in (int, float) or type(longitude) not in (int, float):
        return None
    return request.nearest(latitude, longitude)


def _place_of_ip(ip: Any, request: Whereabouts) -> Place | None:
    """A given `ip` that is no address, such as 0, says not to look: the request's place is somebody else's."""
    if ip is None:
        return request.place
    return request.place_of(ip) if type(ip) is str else None
