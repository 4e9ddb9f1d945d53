"""Profiles that nobody saw or changed for as long as their project keeps them are deleted as `$delete` does."""

import time
from contextlib import closing, suppress
from datetime import UTC, datetime

import pytest

from tests.support.ageing.place import AgeingPlace, profile_update
from tests.support.ingest.bodies import ALPHA, GAMMA, KnownProject
from tests.support.loader.story import Killed
from tests.support.store.dying_store import Dying
from tests.support.store.questions import ask
from trackway.ageing import profiles
from trackway.query.aged_data import aged_data

DAY_US = 86_400_000_000


def append(ageing: AgeingPlace, project: KnownProject, id: str, days_ago: int, *, ignored: bool = False) -> None:
    """An update that came some days ago. `ignored`: it does not count as seen."""
    received_us = time.time_ns() // 1000 - days_ago * DAY_US
    profile: dict[str, object] = {"$distinct_id": id, "$set": {"name": f"{id} {days_ago}"}} | (
        {"$ignore_time": True} if ignored else {}
    )
    ageing.place.append_payloads([profile_update(project, received_us, profile)])


def there(ageing: AgeingPlace, project: KnownProject) -> dict[str, str]:
    sql = "SELECT profile_id, properties FROM profiles FINAL WHERE project_id = {project:UInt32} AND group_key = ''"
    return {str(id): str(text) for id, text in ageing.store.query(sql, {"project": project.project_id})}


def keep(ageing: AgeingPlace, project: KnownProject, days: int | None) -> None:
    ageing.database.change_settings(project.project_id, kept={"profile_retention": days})


def test_profiles_that_were_neither_seen_nor_changed_are_deleted(ageing: AgeingPlace) -> None:
    for project in (ALPHA, GAMMA):
        append(ageing, project, "old", 50)
        append(ageing, project, "changed", 50)
        append(ageing, project, "seen lately", 50)
        append(ageing, project, "changed", 5, ignored=True)
        append(ageing, project, "new", 3)
    lately = {"$last_seen": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")}
    text = profile_update(
        ALPHA, time.time_ns() // 1000 - 49 * DAY_US,
        {"$distinct_id": "seen lately", "$ignore_time": True, "$set": lately},
    )  # fmt: skip
    ageing.place.append_payloads([text])
    ageing.place.load()
    before = there(ageing, GAMMA)
    since_ms = time.time_ns() // 1_000_000 - 30 * DAY_US // 1000
    assert ask(ageing.store, aged_data, ALPHA.project_id, 0, since_ms).profiles == 1
    keep(ageing, ALPHA, 30)
    ageing.ageing().turn()
    assert there(ageing, ALPHA).keys() == {"changed", "seen lately", "new"}
    assert there(ageing, GAMMA) == before
    append(ageing, ALPHA, "old", 0)
    ageing.place.load()
    assert '"old 0"' in there(ageing, ALPHA)["old"]
    ageing.ageing().turn()
    assert there(ageing, ALPHA).keys() == {"old", "changed", "seen lately", "new"}
    noted = "SELECT project_id, rows FROM aged_rows FINAL WHERE place = 'profiles'"
    assert ageing.store.query(noted) == [(ALPHA.project_id, 1)]


def test_many_profiles_are_deleted_in_pieces_whatever_is_killed(
    ageing: AgeingPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "PROFILES_AT_ONCE", 2)
    monkeypatch.setattr(profiles, "_DELETE", profiles._DELETE.replace("LIMIT 10000", "LIMIT 2"))
    for number in range(5):
        append(ageing, ALPHA, f"person {number}", 40)
    append(ageing, ALPHA, "new", 1)
    ageing.place.load()
    keep(ageing, ALPHA, 30)
    for at in range(5):
        with closing(Dying(ageing.place.url, at, after=bool(at % 2))) as store, suppress(Killed):
            ageing.ageing(store).turn()
        append(ageing, ALPHA, "new", 0)  # an update counts, whatever is deleted meanwhile
        ageing.place.load()
    ageing.ageing().turn()
    assert there(ageing, ALPHA).keys() == {"new"}
    noted = "SELECT sum(rows) FROM aged_rows FINAL WHERE place = 'profiles'"
    assert ageing.store.query(noted) == [(5,)]
