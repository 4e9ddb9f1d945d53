"""A place, as the record rules know it. Pure: it names no file and no library."""

from collections.abc import Callable
from typing import NamedTuple


class Place(NamedTuple):
    """A city and what it lies in; the empty string is what is not known.

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
    """Stands for both where nothing is to be located."""
