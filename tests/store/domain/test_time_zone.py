"""The store knows every time zone that a project may have, and the same local times as Python."""

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from trackway.domain.time_zone import NOT_IN_THE_STORE, time_zones
from trackway.store.client import Store


def test_names_that_python_and_the_store_both_know_are_the_names_a_project_may_have(store: Store) -> None:
    """Fails when an update of either brings names: then NOT_IN_THE_STORE changes."""
    stored = {str(name) for (name,) in store.query("SELECT time_zone FROM system.time_zones")}
    assert time_zones() <= stored
    assert stored.isdisjoint(NOT_IN_THE_STORE)
    assert not stored - time_zones() - {"localtime"}


def test_store_and_python_tell_the_same_local_times(store: Store) -> None:
    """Of zones with half hours, both hemispheres, a skipped day, and a change at midnight; years of which the rules are
    settled in every version of the time zone database."""
    zones = ("Asia/Kathmandu", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia", "Pacific/Kiritimati",
             "Africa/Cairo", "America/Santiago", "Europe/Berlin", "America/St_Johns")  # fmt: skip
    instants = [datetime(2009, 1, 1, tzinfo=UTC).timestamp() + 21_600 * number for number in range(4 * 365 * 15)]
    columns = ", ".join(f"toString(toTimeZone(at, '{zone}'))" for zone in zones)
    rows = store.query(
        f"SELECT {columns} FROM (SELECT toDateTime({int(instants[0])} + 21600 * number, 'UTC') AS at "
        f"FROM numbers({len(instants)}) ORDER BY number)"
    )
    assert all(later > earlier for earlier, later in pairwise(instants))
    for place, zone in enumerate(zones):
        expected = [f"{datetime.fromtimestamp(at, ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}" for at in instants]
        assert [row[place] for row in rows] == expected, zone
