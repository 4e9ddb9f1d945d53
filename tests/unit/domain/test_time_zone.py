"""The names of time zones and week starts: which there are, and what is said of one that there is not."""

from zoneinfo import ZoneInfo

import pytest

from trackway.domain.errors import InvalidInput
from trackway.domain.limits import TIME_ZONE_CHARACTERS_MAX
from trackway.domain.time_zone import (
    NOT_IN_THE_STORE,
    check_time_zone,
    check_week_start,
    near_time_zones,
    time_zones,
    zone_of,
)


@pytest.mark.parametrize(
    "name", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Argentina/Buenos_Aires", "EST5EDT"]
)
def test_name_of_the_database_is_taken_as_it_is(name: str) -> None:
    assert check_time_zone(name) == name
    assert zone_of(name).key == name


def test_every_name_is_one_that_python_has_and_that_fits() -> None:
    assert len(time_zones()) > 500
    for name in time_zones():
        assert ZoneInfo(name).key == name and len(name) <= TIME_ZONE_CHARACTERS_MAX


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("Europe/Berln", ["Europe/Berlin"]),
        ("europe/berlin", ["Europe/Berlin"]),
        ("EUROPE/BERLIN", ["Europe/Berlin"]),
        ("Berlin", ["Europe/Berlin"]),
        ("New York", ["America/New_York"]),
        ("Asia/Calcuta", ["Asia/Calcutta"]),
        (" Australia/Sydney ", ["Australia/Sydney"]),
        ("Mars/Olympus", []),
        ("+02:00", []),
        ("", []),
        ("x" * 100_000, []),
    ],
)
def test_error_suggests_names_that_are_near(given: str, near: list[str]) -> None:
    assert near_time_zones(given) == near
    with pytest.raises(InvalidInput) as refused:
        check_time_zone(given)
    text = str(refused.value)
    assert text.endswith(f"; did you mean {near[0]}?" if near else f"{given[:64]!r}")
    assert len(text) < 250


def test_several_names_that_are_as_near_are_all_suggested() -> None:
    assert len(near_time_zones("CEST")) == 3


def test_a_suggestion_has_never_the_opposite_sign() -> None:
    assert not [name for name in near_time_zones("GMT+2") if name.startswith("Etc/")]


@pytest.mark.parametrize("name", sorted(NOT_IN_THE_STORE))
def test_zone_that_the_store_does_not_have_is_refused_with_the_reason(name: str) -> None:
    assert ZoneInfo(name)
    with pytest.raises(InvalidInput, match=f"the store does not know the time zone {name} yet"):
        check_time_zone(name)


@pytest.mark.parametrize("name", ["../etc/passwd", "/etc/localtime", "Europe", "Nowhere/City", "", "a\0b"])
def test_name_that_this_version_does_not_know_is_utc(name: str) -> None:
    assert zone_of(name).key == "UTC"


def test_week_starts_on_one_of_two_days() -> None:
    assert [check_week_start(day) for day in ("monday", "sunday")] == ["monday", "sunday"]
    for day in ("Monday", "saturday", "", "1"):
        with pytest.raises(InvalidInput, match="week start must be one of monday, sunday, not"):
            check_week_start(day)
