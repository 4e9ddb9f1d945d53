"""The city nearest to coordinates, with the optional package `reverse-geocode` (the extra `geocode`).

The package's 140 000 cities (GeoNames, CC-BY 4.0) and their tree take a second and 160 MB to load, so a process loads
them at its first coordinates, or never.
"""

from collections.abc import Callable, Mapping
from typing import Any

from trackway.geo.place import Place
from trackway.telemetry import logs

_log = logs.get("geo")

_Search = Callable[[tuple[float, float]], Mapping[str, Any]]


class Cities:
    """The cities of the world by their coordinates, if the optional package is installed."""

    def __init__(self) -> None:
        self._search: _Search | None = None
        self._loaded = False

    def nearest(self, latitude: float, longitude: float) -> Place | None:
        """The city nearest to a point, in degrees; None for a point not on earth, or without the package."""
        if not (abs(latitude) <= 90 and abs(longitude) <= 180):  # false for NaN too
            return None
        if not self._loaded:
            self._loaded, self._search = True, _load()
        return _place(self._search((latitude, longitude))) if self._search else None


def _load() -> _Search | None:
    try:
        import reverse_geocode  # noqa: PLC0415  # a second and 160 MB
    except ImportError:
        _log.warning("coordinates are kept but not turned into cities: .venv/bin/pip install '.[geocode]' does that")
        return None
    search: _Search = reverse_geocode.get
    return search


def _place(city: Mapping[str, Any]) -> Place:
    return Place(city["city"], city.get("state", ""), city["country_code"], "")
