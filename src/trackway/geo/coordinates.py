"""Coordinates into the nearest city, with the optional package `reverse-geocode` (`pip install 'trackway[geocode]'`).

The package's 140 000 cities (GeoNames, CC-BY 4.0) and their tree take more than a second and 130 MB to load. An
edge process loads them in a thread when it starts, so that its first coordinates do not stop everybody for that long.
Loaded before the fork they would be in memory once, but a server would take 2 seconds longer to answer at all.
"""

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from trackway import logs
from trackway.geo.place import Place

_log = logs.get("geo")

_Search = Callable[[tuple[float, float]], Mapping[str, Any]]


class Cities:
    """The cities of the world by their coordinates, as far as the optional package is installed."""

    def __init__(self) -> None:
        self._search: _Search | None = None
        self._loaded = False
        self._loading = Lock()
        self._told = False

    def load(self) -> None:
        """Make ready, if that is not done yet; blocks for as long as it takes. Any thread may do it."""
        with self._loading:
            if not self._loaded:
                self._search = _load()
                self._loaded = True

    def nearest(self, latitude: float, longitude: float) -> Place | None:
        """The city nearest to a point, in degrees; None for what is no point on earth and without the package."""
        if not (abs(latitude) <= 90 and abs(longitude) <= 180):  # false for NaN as well
            return None
        if not self._loaded:
            self.load()
        if self._search is None:
            self._tell_once()
            return None
        return _place(self._search((latitude, longitude)))

    def _tell_once(self) -> None:
        if not self._told:
            self._told = True
            _log.warning("coordinates are kept but not turned into cities: install 'trackway[geocode]' for that")


def _load() -> _Search | None:
    try:
        import reverse_geocode  # noqa: PLC0415  # more than a second and 130 MB
    except ImportError:
        return None
    search: _Search = reverse_geocode.get
    search((0, 0))  # reads the cities
    return search


def _place(city: Mapping[str, Any]) -> Place:
    return Place(city["city"], city.get("state", ""), city["country_code"], "")
