"""City databases of a few networks, made as the real ones are, in each layout that is in use."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet

PARIS = "192.0.2.10"
BERLIN = "192.0.2.70"
TOKYO = "2001:db8::5"
COUNTRY_ONLY = "198.51.100.1"
UNKNOWN = "203.0.113.1"

GEOLITE2: Mapping[str, Mapping[str, Any]] = {
    "192.0.2.0/26": {
        "city": {"geoname_id": 2988507, "names": {"de": "Paris (dt.)", "en": "Paris", "ja": "パリ"}},
        "continent": {"code": "EU", "names": {"en": "Europe"}},
        "country": {"iso_code": "FR", "is_in_european_union": True, "names": {"en": "France"}},
        "location": {"accuracy_radius": 20, "latitude": 48.8, "longitude": 2.3, "time_zone": "Europe/Paris"},
        "registered_country": {"iso_code": "US", "names": {"en": "United States"}},
        "subdivisions": [
            {"iso_code": "IDF", "names": {"en": "Île-de-France"}},
            {"iso_code": "75", "names": {"en": "Paris department"}},
        ],
    },
    "192.0.2.64/26": {
        "city": {"names": {"en": "Berlin"}},
        "country": {"iso_code": "DE"},
        "location": {"time_zone": "Europe/Berlin"},
        "subdivisions": [{"names": {"en": "State of Berlin"}}],
    },
    "198.51.100.0/24": {"country": {"iso_code": "DE"}, "registered_country": {"iso_code": "DE"}},
    "2001:db8::/32": {
        "city": {"names": {"en": "Tokyo"}},
        "country": {"iso_code": "JP"},
        "location": {"time_zone": "Asia/Tokyo"},
        "subdivisions": [{"names": {"en": "Tokyo"}}],
    },
}
"""As MaxMind writes them; addresses are those set aside for documents."""

FLAT: Mapping[str, Mapping[str, Any]] = {
    "192.0.2.0/26": {
        "city": "Paris",
        "country_code": "FR",
        "latitude": 48.8,
        "longitude": 2.3,
        "postcode": "75001",
        "state1": "Île-de-France",
        "state2": "Paris department",
        "timezone": "Europe/Paris",
    },
    "192.0.2.64/26": {"city": "Berlin", "region": "State of Berlin", "country": "DE", "timezone": "Europe/Berlin"},
    "198.51.100.0/24": {"city": "", "country": "DE", "state1": "", "timezone": ""},
    "2001:db8::/32": {"city": "Tokyo", "region": "Tokyo", "country": "jp", "timezone": "Asia/Tokyo"},
}
"""As the ip-location-db project and IPinfo write them."""


def write_database(
    path: Path, networks: Mapping[str, Mapping[str, Any]], kind: str = "GeoLite2-City", version: int = 6
) -> Path:
    """A database file with these records; its type is `kind`, its addresses are of IP `version` and below."""
    writer = MMDBWriter(ip_version=version, ipv4_compatible=version == 6, database_type=kind)
    for network, record in networks.items():
        writer.insert_network(IPSet([network]), dict(record))
    writer.to_db_file(str(path))
    return path


def city(name: str) -> dict[str, Mapping[str, Any]]:
    """One network, that of PARIS, in the city of that name."""
    return {"192.0.2.0/26": {"city": {"names": {"en": name}}, "country": {"iso_code": "FR"}}}
