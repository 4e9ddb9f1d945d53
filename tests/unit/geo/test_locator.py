"""The locator as the settings make it: the packaged database, one of the operator's, or none; and coordinates."""

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.geo.city_databases import PARIS, city, write_database
from trackway.geo.coordinates import Cities
from trackway.geo.locator import Locator
from trackway.geo.place import Place
from trackway.settings.table import Settings


@pytest.fixture(scope="module")
def packaged() -> Locator:
    return Locator(Settings())


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("81.2.69.142", ("London", "England", "GB")),
        ("130.149.17.5", ("Berlin", "Berlin", "DE")),  # a technical university
        ("18.0.0.1", ("Cambridge", "Massachusetts", "US")),
        ("2a02:8108::1", ("Berlin", "Berlin", "DE")),
    ],
)
def test_the_packaged_database_knows_real_addresses(
    packaged: Locator, address: str, expected: tuple[str, str, str]
) -> None:
    place = packaged.place_of(address)
    assert place is not None
    assert place[:3] == expected


PRIVATE = [
    "127.0.0.1",
    "10.0.0.1",
    "172.16.5.4",
    "192.168.1.1",
    "169.254.1.1",
    "100.64.0.1",
    "0.0.0.0",
    "255.255.255.255",
]
RESERVED = [
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.7",
    "224.0.0.1",
    "240.0.0.1",
    "::1",
    "::",
    "fe80::1",
    "fd00::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", PRIVATE + RESERVED)
def test_private_and_reserved_addresses_have_no_place(packaged: Locator, address: str) -> None:
    assert packaged.place_of(address) is None


def test_a_database_of_the_operator_takes_the_place_of_the_packaged_one(tmp_path: Path) -> None:
    path = write_database(tmp_path / "city.mmdb", city("Paris"))
    locator = Locator(Settings(data_dir=tmp_path / "data", geoip_database=path))
    assert locator.place_of(PARIS) == Place("Paris", "", "FR", "")
    assert locator.place_of("81.2.69.142") is None
    write_database(path, city("Lutetia"))
    locator.refresh()
    locator.refresh()
    assert locator.place_of(PARIS) == Place("Lutetia", "", "FR", "")


def test_nothing_is_located_when_geolocation_is_off(tmp_path: Path) -> None:
    locator = Locator(Settings(geolocation=False, geoip_database=tmp_path / "not looked at"))
    locator.refresh()
    assert locator.place_of("81.2.69.142") is None
    assert locator.nearest(48.85, 2.35) is None


@pytest.mark.parametrize(
    ("latitude", "longitude", "expected"),
    [
        (48.8534, 2.3488, Place("Paris", "Île-de-France", "FR", "")),
        (37.77, -122.42, Place("San Francisco", "California", "US", "")),
        (-33.8678, 151.2073, Place("Sydney", "New South Wales", "AU", "")),
        (52, 5, Place("IJsselstein", "Utrecht", "NL", "")),
    ],
)
def test_coordinates_have_the_nearest_city(
    packaged: Locator, latitude: float, longitude: float, expected: Place
) -> None:
    assert packaged.nearest(latitude, longitude) == expected


NO_POINTS: list[tuple[Any, Any]] = [
    (90.1, 0),
    (0, -180.1),
    (float("nan"), 0),
    (0, float("inf")),
    (10**400, 0),
    (1e308, -1e308),
]


@pytest.mark.parametrize(("latitude", "longitude"), NO_POINTS)
def test_what_is_no_point_on_earth_has_no_city(packaged: Locator, latitude: Any, longitude: Any) -> None:
    assert packaged.nearest(latitude, longitude) is None


@settings(max_examples=examples(50))
@given(st.floats(-90, 90), st.floats(-180, 180))
def test_every_point_on_earth_has_a_city(latitude: float, longitude: float) -> None:
    place = CITIES.nearest(latitude, longitude)
    assert place is not None
    assert place.city and len(place.country_code) == 2


CITIES = Cities()


def test_without_the_optional_package_no_coordinates_have_a_city_and_it_is_told_once(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "reverse_geocode", None)  # as if it were not installed
    cities = Cities()
    assert [cities.nearest(48.85, 2.35) for _ in range(3)] == [None] * 3
    assert capfd.readouterr().out.count("install '.[geocode]'") == 1
