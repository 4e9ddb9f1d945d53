"""City databases: every layout says the same, and a changed file is reloaded while it is in use."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.geo.city_databases import (
    BERLIN,
    COUNTRY_ONLY,
    FLAT,
    GEOLITE2,
    PARIS,
    TOKYO,
    UNKNOWN,
    city,
    write_database,
)
from trackway.domain.errors import ConfigError
from trackway.domain.limits import ADDRESSES_REMEMBERED
from trackway.geo.city_database import CityDatabase
from trackway.geo.place import Place

EXPECTED = {
    PARIS: Place("Paris", "Île-de-France", "FR", "Europe/Paris"),
    BERLIN: Place("Berlin", "State of Berlin", "DE", "Europe/Berlin"),
    COUNTRY_ONLY: Place("", "", "DE", ""),
    TOKYO: Place("Tokyo", "Tokyo", "JP", "Asia/Tokyo"),
    UNKNOWN: None,
    "127.0.0.1": None,
    "10.1.2.3": None,
    "::1": None,
}


@pytest.mark.parametrize("networks", [GEOLITE2, FLAT], ids=["GeoLite2", "flat"])
def test_every_layout_gives_the_same_places(networks: dict[str, dict[str, object]], tmp_path: Path) -> None:
    database = CityDatabase(write_database(tmp_path / "city.mmdb", networks), tmp_path)
    for _ in range(2):
        assert {address: database.place_of(address) for address in EXPECTED} == EXPECTED


@pytest.mark.parametrize("address", [f"::ffff:{PARIS}", f"::FFFF:{PARIS}", "::ffff:c000:20a"])
def test_an_ipv4_address_in_ipv6_notation_is_the_ipv4_address(address: str, tmp_path: Path) -> None:
    database = CityDatabase(write_database(tmp_path / "city.mmdb", GEOLITE2), tmp_path)
    assert database.place_of(address) == EXPECTED[PARIS]


NO_ADDRESSES = ["", "0", "1", " ", "unknown", "192.0.2", "192.0.2.256", f"{PARIS}:80", f" {PARIS}", f"{PARIS}\0"]
MORE = ["::ffff:", "::ffff:zz", "::ffff:1:2:3", "fe80::1%eth0", f"{PARIS}, {BERLIN}", "\ud800", "9" * 10_000_000]


@pytest.mark.parametrize("text", NO_ADDRESSES + MORE, ids=lambda text: ascii(text[:20]))
def test_what_is_no_address_has_no_place(text: str, tmp_path: Path) -> None:
    database = CityDatabase(write_database(tmp_path / "city.mmdb", GEOLITE2), tmp_path)
    assert database.place_of(text) is None


@settings(max_examples=examples(200))
@given(st.text(max_size=60) | st.ip_addresses().map(str))
def test_any_text_has_a_place_or_none(database: CityDatabase, text: str) -> None:
    place = database.place_of(text)
    assert place is None or place in EXPECTED.values()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> CityDatabase:
    directory = tmp_path_factory.mktemp("city")
    return CityDatabase(write_database(directory / "city.mmdb", GEOLITE2), directory)


def test_a_file_of_ipv4_alone_knows_no_ipv6(tmp_path: Path) -> None:
    networks = {network: record for network, record in GEOLITE2.items() if ":" not in network}
    database = CityDatabase(write_database(tmp_path / "four.mmdb", networks, version=4), tmp_path)
    assert database.place_of(PARIS) == EXPECTED[PARIS]
    assert database.place_of(TOKYO) is None


def test_parts_of_a_city_are_left_out_where_a_database_names_them(tmp_path: Path) -> None:
    dbip = CityDatabase(write_database(tmp_path / "a", city("Berlin (Mitte)"), "DBIP-City-Lite"), tmp_path)
    geolite = CityDatabase(write_database(tmp_path / "b", city("Frankfurt (Oder)"), "GeoLite2-City"), tmp_path)
    assert dbip.place_of(PARIS) == Place("Berlin", "", "FR", "")
    assert geolite.place_of(PARIS) == Place("Frankfurt (Oder)", "", "FR", "")


ODD_RECORDS = [
    {},
    {"city": 5, "country": ["FR"], "subdivisions": {"names": 1}, "location": "x", "timezone": 5},
    {"city": {"names": ["Paris"]}, "country": {"iso_code": 5}, "subdivisions": []},
    {"city": {"names": {"de": "Paris"}}, "country_code": "FRA", "subdivisions": [5]},
    {"autonomous_system_number": 1},
]


@pytest.mark.parametrize("record", ODD_RECORDS)
def test_a_record_of_another_shape_has_no_place(record: dict[str, object], tmp_path: Path) -> None:
    database = CityDatabase(write_database(tmp_path / "odd.mmdb", {"192.0.2.0/24": record}), tmp_path)
    assert database.place_of(PARIS) is None


def test_names_are_cut_to_the_length_of_a_property(tmp_path: Path) -> None:
    database = CityDatabase(write_database(tmp_path / "city.mmdb", city("ü" * 300)), tmp_path)
    assert database.place_of(PARIS) == Place("ü" * 255, "", "FR", "")


def test_remembered_addresses_are_bounded(tmp_path: Path) -> None:
    database = CityDatabase(write_database(tmp_path / "city.mmdb", GEOLITE2), tmp_path)
    for number in range(ADDRESSES_REMEMBERED + 100):
        database.place_of(f"10.0.{number // 256}.{number % 256}")
    assert database.remembered == ADDRESSES_REMEMBERED


def replace(path: Path, content: bytes) -> None:
    """As `geoipupdate` does: a new file in place of the old."""
    path.with_suffix(".new").write_bytes(content)
    path.with_suffix(".new").replace(path)


def overwrite(path: Path, content: bytes) -> None:
    """As `cp` and `curl -o` do: the same file, emptied and written again."""
    path.write_bytes(content)


def name_of(database: CityDatabase) -> str | None:
    place = database.place_of(PARIS)
    return place.city if place else None


def refreshed(database: CityDatabase) -> str | None:
    """The name of the city once the file has been looked at twice."""
    database.refresh()
    database.refresh()
    return name_of(database)


@pytest.mark.parametrize("change", [replace, overwrite])
def test_a_changed_file_is_taken_over(change: object, tmp_path: Path) -> None:
    assert callable(change)
    path = write_database(tmp_path / "city.mmdb", city("before"))
    database = CityDatabase(path, tmp_path)
    after = write_database(tmp_path / "after.mmdb", city("after")).read_bytes()
    assert name_of(database) == "before"
    change(path, after)
    assert name_of(database) == "before"
    assert refreshed(database) == "after"


@pytest.mark.parametrize("change", [replace, overwrite])
@pytest.mark.parametrize("size", [0, 100, -1])
def test_a_broken_file_leaves_the_one_before_and_is_told_once(
    change: object, size: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert callable(change)
    path = write_database(tmp_path / "city.mmdb", city("before"))
    database = CityDatabase(path, tmp_path)
    after = write_database(tmp_path / "after.mmdb", city("after")).read_bytes()
    change(path, after[:size])
    for _ in range(5):
        assert refreshed(database) == "before"
        assert database.place_of("192.0.2.11") == Place("before", "", "FR", "")  # not from memory
    told = capfd.readouterr().out
    assert told.count("city database cannot be loaded") == 1
    change(path, after)
    assert refreshed(database) == "after"


def test_a_file_that_is_gone_leaves_the_one_before_until_it_is_back(tmp_path: Path) -> None:
    path = write_database(tmp_path / "city.mmdb", city("before"))
    database = CityDatabase(path, tmp_path)
    path.unlink()
    assert refreshed(database) == "before"
    write_database(path, city("after"))
    assert refreshed(database) == "after"


def test_a_file_that_is_being_written_is_left_alone_until_it_rests(tmp_path: Path) -> None:
    path = write_database(tmp_path / "city.mmdb", city("before"))
    database = CityDatabase(path, tmp_path)
    after = write_database(tmp_path / "after.mmdb", city("after")).read_bytes()
    path.write_bytes(b"")
    with path.open("ab", buffering=0) as file:
        for at in range(0, len(after), 200):
            file.write(after[at : at + 200])
            database.refresh()
            assert name_of(database) == "before"
    assert refreshed(database) == "after"


def test_a_file_with_its_old_time_and_size_is_taken_over_too(tmp_path: Path) -> None:
    path = write_database(tmp_path / "city.mmdb", city("before"))
    was = path.stat()
    database = CityDatabase(path, tmp_path)
    path.write_bytes(path.read_bytes().replace(b"before", b"af-ter"))
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert path.stat().st_size == was.st_size
    assert refreshed(database) == "af-ter"


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    path = write_database(tmp_path / "city.mmdb", GEOLITE2)
    database = CityDatabase(path, tmp_path)
    database.place_of(PARIS)
    refreshed(database)
    assert database.remembered == 1


def test_copies_leave_no_file_behind_even_when_killed(tmp_path: Path) -> None:
    path = write_database(tmp_path / "city.mmdb", city("before"))
    (tmp_path / "run").mkdir()
    program = (
        "import os, pathlib, sys; from trackway.geo.city_database import CityDatabase;"
        "d = CityDatabase(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]));"
        "print(d.place_of('192.0.2.10').city, os.listdir(sys.argv[2]), flush=True); os.kill(os.getpid(), 9)"
    )
    command = [sys.executable, "-c", program, str(path), str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (-9, b"before []\n"), done.stderr
    assert list((tmp_path / "run").iterdir()) == []


def test_an_installed_file_is_used_where_it_lies_and_taken_over_when_replaced(tmp_path: Path) -> None:
    path = write_database(tmp_path / "city.mmdb", city("before"))
    database = CityDatabase(path, copies=None)
    assert name_of(database) == "before"
    replace(path, write_database(tmp_path / "after.mmdb", city("after")).read_bytes())
    assert refreshed(database) == "after"


def test_what_cannot_be_used_is_an_error_that_names_it(tmp_path: Path) -> None:
    text = tmp_path / "text.mmdb"
    text.write_text("this is no database")
    empty = tmp_path / "empty.mmdb"
    empty.touch()
    whole = write_database(tmp_path / "whole.mmdb", GEOLITE2)
    half = tmp_path / "half.mmdb"
    shutil.copy(whole, half)
    os.truncate(half, whole.stat().st_size // 2)
    for path, why in [
        (tmp_path / "none.mmdb", "cannot be used: no such file or directory"),
        (tmp_path, "cannot be used: is a directory"),
        (text, "is no city database in MaxMind's format"),
        (empty, "is no city database in MaxMind's format"),
        (half, "is no city database in MaxMind's format"),
    ]:
        with pytest.raises(ConfigError) as caught:
            CityDatabase(path, tmp_path)
        assert str(caught.value) == f"geoip_database {path} {why}"


@settings(max_examples=examples(150))
@given(st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=8), st.booleans())
def test_a_damaged_file_gives_a_place_none_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]], cut: bool
) -> None:
    directory = tmp_path_factory.mktemp("damaged")
    content = bytearray(write_database(directory / "city.mmdb", GEOLITE2).read_bytes())
    for at, value in changes:
        content[at % len(content)] = value
    (directory / "city.mmdb").write_bytes(content[: changes[0][0] % len(content)] if cut else content)
    try:
        database = CityDatabase(directory / "city.mmdb", directory)
    except ConfigError:
        return
    for address in EXPECTED:
        place = database.place_of(address)
        assert place is None or isinstance(place, Place)
