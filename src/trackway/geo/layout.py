"""A record of a city database into a `Place`. Pure.

Two layouts are in use. Nested, as in MaxMind's GeoLite2-City and GeoIP2-City and in DB-IP's own files: names by
language, the country as an object. Flat, as in files made from CSV (IPinfo, the ip-location-db project): one string a
field. Each field is read from both, so a mixed file works too. A field of the wrong type counts as unknown.
"""

from collections.abc import Sequence
from typing import Any

from trackway.domain.limits import STRING_CHARACTERS_MAX
from trackway.geo.place import Place

_LANGUAGE = "en"


def place_in(record: object, *, districts: bool = False) -> Place | None:
    """The place of a record, or None when it names none.

    `districts`: city names end with a part of the city in parentheses, `Berlin (Mitte)`, which is removed.
    """
    if not isinstance(record, dict):
        return None
    city = _name(record.get("city"))
    place = Place(
        city.partition(" (")[0] if districts else city,
        _first(_name(_element(record.get("subdivisions"))), *(_text(record.get(key)) for key in _FLAT_REGIONS)),
        _country_code(record),
        _first(_text(_member(record.get("location"), "time_zone")), _text(record.get("timezone"))),
    )
    return place if any(place) else None


_FLAT_REGIONS = ("region", "region_name", "state", "state1")


def _country_code(record: dict[str, Any]) -> str:
    country = record.get("country")
    found = _first(_text(_member(country, "iso_code")), _text(record.get("country_code")), _text(country))
    return found.upper() if len(found) == 2 else ""


def _name(value: object) -> str:
    """A name by language, or a plain one."""
    return _first(_text(_member(_member(value, "names"), _LANGUAGE)), _text(value))


def _first(*texts: str) -> str:
    return next(filter(None, texts), "")


def _text(value: object) -> str:
    return value[:STRING_CHARACTERS_MAX] if isinstance(value, str) else ""


def _member(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None


def _element(value: object) -> object:
    """The largest subdivision of the country; they come in order of size."""
    return value[0] if isinstance(value, Sequence) and value else None
