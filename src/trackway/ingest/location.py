"""Where an event or a profile update comes from, and what that adds to it (protocol §4 Geolocation, §5). Pure.

Coordinates win over an address, and the record's own address over the request's. A place is taken as a whole; then
each of its names is added where the client gave no such property itself. No address passes on from here.
"""

from collections.abc import Container
from typing import Any, Protocol

import msgspec

from trackway.geo.place import Place, PlaceOfAddress, PlaceOfCoordinates


class Whereabouts(Protocol):
    """What the rules need to know of a request; `events.Arrival` has it."""

    @property
    def address(self) -> str | None: ...
    @property
    def place_of(self) -> PlaceOfAddress: ...
    @property
    def nearest(self) -> PlaceOfCoordinates: ...


_encode = msgspec.json.Encoder().encode


def place_of_record(ip: Any, latitude: Any, longitude: Any, request: Whereabouts) -> Place | None:
    """The place of a record with these properties (JSON values; None is not given, or null)."""
    return _nearest(latitude, longitude, request) or _place_of_ip(ip, request)


def with_place(properties: bytes, place: Place, own: Container[str]) -> bytes:
    """The JSON text of an event's properties with those of its place added, but none that is among its `own`."""
    return with_members(properties, place_members({name: value for name, value in _of_event(place) if name not in own}))


def place_members(named: dict[str, str]) -> bytes:
    """The members of a JSON object, without its braces; those with a value."""
    return _encode({name: value for name, value in named.items() if value})[1:-1]


def with_members(properties: bytes, members: bytes) -> bytes:
    """A JSON object's text with members added at its end."""
    if not members:
        return properties
    return b"%b%b%b}" % (properties[:-1], b"," if len(properties) > 2 else b"", members)


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


def _of_event(place: Place) -> tuple[tuple[str, str], ...]:
    return ("$city", place.city), ("$region", place.region), ("mp_country_code", place.country_code)


def _nearest(latitude: Any, longitude: Any, request: Whereabouts) -> Place | None:
    if type(latitude) not in (int, float) or type(longitude) not in (int, float):
        return None
    return request.nearest(latitude, longitude)


def _place_of_ip(ip: Any, request: Whereabouts) -> Place | None:
    """A given `ip` that is no address, such as 0, says not to look: the request's address is somebody else's."""
    address = request.address if ip is None else ip
    return request.place_of(address) if type(address) is str else None
