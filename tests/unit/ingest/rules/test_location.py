"""Where an event or a profile update is located, as rows of a table (protocol §4 Geolocation, §5)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ingest.bodies import (
    ABROAD,
    AFLOAT,
    HARBOUR,
    HOME,
    LOCATED,
    OFFICE,
    PLACES,
    arrival,
    outcomes,
    record,
)
from tests.support.ingest.stored_events import StoredEvent
from trackway.domain.endpoint import Endpoint
from trackway.geo.place import Place
from trackway.ingest.arrival import Arrival
from trackway.ingest.rules.location import profile_location

FROM_HOME = arrival(**LOCATED)
FROM_NOWHERE = arrival(**LOCATED | {"place": None})
"""A request with `ip=0`, or whose address is unknown."""
FROM_SEA = arrival(**LOCATED | {"place": PLACES[AFLOAT]})
IMPORTED = arrival(Endpoint.IMPORT, **LOCATED)

PARIS = {"$city": "Paris", "$region": "Île-de-France", "mp_country_code": "FR"}
GERMANY = {"$city": 'The "Office"', "mp_country_code": "DE"}
JAPAN = {"mp_country_code": "JP"}
GHANA = {"$city": "Takoradi", "$region": "Western", "mp_country_code": "GH"}
HERE = {"$latitude": 4.9, "$longitude": 1.75}
Given = dict[str, Any]

CASES: list[tuple[str, Arrival, Given, Given]] = [
    ("request's address", FROM_HOME, {}, PARIS),
    ("request's address on import", IMPORTED, {}, PARIS),
    ("no address", FROM_NOWHERE, {}, {}),
    ("address of a place without names", FROM_SEA, {}, {}),
    ("event's ip before the request's", FROM_HOME, {"ip": OFFICE}, GERMANY),
    ("event's ip where the request's is not asked for", FROM_NOWHERE, {"ip": OFFICE}, GERMANY),
    ("event's ip on import", IMPORTED, {"ip": ABROAD}, JAPAN),
    ("ip 0", FROM_HOME, {"ip": 0}, {}),
    ("ip '0'", FROM_HOME, {"ip": "0"}, {}),
    ("ip null is none given", FROM_HOME, {"ip": None}, PARIS),
    ("unknown ip", FROM_HOME, {"ip": "203.0.113.1"}, {}),
    ("ip that is no address", FROM_HOME, {"ip": "localhost"}, {}),
    ("empty ip", FROM_HOME, {"ip": ""}, {}),
    ("ip of another type", FROM_HOME, {"ip": [HOME]}, {}),
    ("ip true", FROM_HOME, {"ip": True}, {}),
    ("own city", FROM_HOME, {"$city": "Lyon"}, PARIS | {"$city": "Lyon"}),
    ("own region, empty", FROM_HOME, {"$region": ""}, PARIS | {"$region": ""}),
    ("own country", FROM_HOME, {"mp_country_code": "BE"}, PARIS | {"mp_country_code": "BE"}),
    ("all own", FROM_HOME, GHANA, GHANA),
    ("own city null", FROM_HOME, {"$city": None}, PARIS),
    ("own values without a place", FROM_NOWHERE, {"$city": "Lyon"}, {"$city": "Lyon"}),
    ("coordinates before the request's address", FROM_HOME, HERE, GHANA | HERE),
    ("coordinates before the event's ip", FROM_HOME, {"ip": OFFICE, **HERE}, GHANA | HERE),
    ("coordinates with ip 0", FROM_HOME, {"ip": 0, **HERE}, GHANA | HERE),
    ("coordinates without an address", FROM_NOWHERE, HERE, GHANA | HERE),
    ("coordinates with own city", FROM_HOME, {"$city": "Lyon", **HERE}, GHANA | HERE | {"$city": "Lyon"}),
    (
        "coordinates without a city",
        FROM_HOME,
        {"$latitude": -1, "$longitude": 1},
        PARIS | {"$latitude": -1, "$longitude": 1},
    ),
    ("one coordinate", FROM_HOME, {"$latitude": 4.9}, PARIS | {"$latitude": 4.9}),
    (
        "coordinates as text",
        FROM_HOME,
        {"$latitude": "4.9", "$longitude": "1.7"},
        PARIS | {"$latitude": "4.9", "$longitude": "1.7"},
    ),
    (
        "whole coordinates",
        FROM_HOME,
        {"$latitude": 4, "$longitude": 1},
        GHANA | {"$latitude": 4, "$longitude": 1},
    ),
]


@pytest.mark.parametrize(("to", "given", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
@pytest.mark.parametrize("others", [{}, {"a": 1, "long": "x" * 300, "null": None}], ids=["alone", "with others"])
def test_an_event_has_the_place(to: Arrival, given: Given, expected: Given, others: Given) -> None:
    rest = {"a": 1, "long": "x" * 255} if others else {}
    for found in outcomes(record(given | others), to):
        assert isinstance(found, StoredEvent), found
        assert found.properties == expected | rest
        assert len(json.loads(found.text, object_pairs_hook=list)) == len(expected | rest)  # no name twice


def test_names_written_with_escapes_are_the_same_names() -> None:
    body = json.dumps(record({"ip": OFFICE, "$city": "Lyon"})).encode()
    escaped = body.replace(b'"ip"', b'"\\u0069p"').replace(b'"$city"', b'"\\u0024city"')
    for found in outcomes(escaped, FROM_HOME):
        assert isinstance(found, StoredEvent), found
        assert found.properties == {"$city": "Lyon", "mp_country_code": "DE"}


def test_the_place_does_not_count_against_the_limit_of_properties() -> None:
    many = {f"k{number}": number for number in range(254)}
    for found in outcomes(record(many), FROM_HOME):
        assert isinstance(found, StoredEvent), found
        assert found.properties == many | PARIS


def test_a_rejected_event_stays_rejected() -> None:
    for found in outcomes(record({"distinct_id": "anon"}), FROM_HOME):
        assert isinstance(found, tuple)


PROFILE_CASES: list[tuple[str, Arrival, tuple[Any, Any, Any], dict[str, str]]] = [
    (
        "request's address",
        FROM_HOME,
        (None, None, None),
        {"$city": "Paris", "$region": "Île-de-France", "$country_code": "FR", "$timezone": "Europe/Paris"},
    ),
    ("no address", FROM_NOWHERE, (None, None, None), {}),
    ("own address", FROM_HOME, (ABROAD, None, None), {"$country_code": "JP"}),
    ("own address alone", FROM_NOWHERE, (ABROAD, None, None), {"$country_code": "JP"}),
    ("$ip 0", FROM_HOME, (0, None, None), {}),
    ("$ip '0'", FROM_HOME, ("0", None, None), {}),
    ("$ip of another type", FROM_HOME, (b"1e999", None, None), {}),
    (
        "coordinates",
        FROM_HOME,
        ("0", 4.9, 1),
        {"$city": "Takoradi", "$region": "Western", "$country_code": "GH", "$geo_source": "reverse_geocoding"},
    ),
    ("coordinates without a city", FROM_HOME, (ABROAD, -4.9, 1), {"$country_code": "JP"}),
]


@pytest.mark.parametrize(("to", "given", "expected"), [c[1:] for c in PROFILE_CASES], ids=[c[0] for c in PROFILE_CASES])
def test_a_profile_has_the_place(to: Arrival, given: tuple[Any, Any, Any], expected: dict[str, str]) -> None:
    assert profile_location(*given, to) == expected


ANY = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from([*PLACES, "0", ""]) | st.binary()


@given(ANY, ANY, ANY, st.sampled_from([FROM_HOME, FROM_NOWHERE, arrival()]))
def test_any_values_give_the_whole_of_one_place_or_nothing(ip: Any, lat: Any, long: Any, to: Arrival) -> None:
    found = profile_location(ip, lat, long, to)
    from_coordinates = found.pop("$geo_source", "") == "reverse_geocoding"
    names = ("$city", "$region", "$country_code", "$timezone")
    place = Place(*(found.pop(name, "") for name in names))
    assert not found
    assert place == HARBOUR if from_coordinates else place in [*PLACES.values(), Place("", "", "", "")]
    assert not from_coordinates or (lat >= 0 and long >= 0)
