"""A place, as the record rules use it. Pure: no file and no library."""

from collections.abc import Callable
from typing import NamedTuple


class Place(NamedTuple):
    """A city with its region, country and time zone; unknown ones are empty strings.

    `city` and `region` are English names, `country_code` is ISO 3166 alpha-2, `timezone` a name of the IANA database.
    """

    city: str
    region: str
    country_code: str
    timezone: str


PlaceOfAddress = Callable[[str], Place | None]
PlaceOfCoordinates = Callable[[float, float], Place | None]
"""Latitude and longitude in degrees."""


def nowhere(*_where: object) -> None:
    """In place of both where nothing is located."""
