"""Which projects the schedule exports, and when: without a server, which nothing here needs."""

import json
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from trackway.domain.errors import StateError
from trackway.projects.project import Project
from trackway.projects.project_lock import export_lock
from trackway.runtime.last_exports import LastExport, last_exports
from trackway.settings.table import Settings
from trackway.transfer.event_columns import FileFormat
from trackway.transfer.export_schedule import Schedule, ServerItself, _guard
from trackway.transfer.exporting import STATE, identity_of

SHOP = Project(1, "Web shop", "t" * 32, "s" * 32, "us", 0)
BLOG = Project(2, "Blog", "u" * 32, "v" * 32, "us", 0)
OF_EUROPE = Project(3, "Europe", "w" * 32, "x" * 32, "eu", 0)
PROJECTS = (SHOP, BLOG, OF_EUROPE)
NOBODY = ServerItself("http://127.0.0.1:9", {})
"""No question may reach it: an export of an unreachable server takes minutes."""


def schedule_of(tmp_path: Path, every: str = "1h", **settings: Any) -> Schedule:
    (tmp_path / "run").mkdir(exist_ok=True)
    return Schedule(
        Settings(data_dir=tmp_path, export_to=str(tmp_path / "out"), export_every=every, **settings), NOBODY
    )


def ended(tmp_path: Path, project: Project, ended_ms: int) -> None:
    """Leave the state of an export that ended then."""
    place = tmp_path / "out" / f"project={project.project_id}"
    place.mkdir(parents=True)
    identity = identity_of(project.token, FileFormat.PARQUET, (), (), packed=False)
    state = {"version": 1, "identity": identity, "next_position": 9, "begun_position": 0, "ended_ms": ended_ms}
    (place / STATE).write_text(json.dumps(state))


@pytest.mark.parametrize(
    ("named", "found"),
    [((), (SHOP, BLOG)), (("Web shop",), (SHOP,)), (("2", "Web shop"), (SHOP, BLOG)), (("3", "Nobody"), ())],
)
def test_projects_are_named_by_name_or_id_and_are_of_the_servers_region(
    tmp_path: Path, named: Sequence[str], found: Sequence[Project]
) -> None:
    assert schedule_of(tmp_path, export_projects=tuple(named))._chosen(PROJECTS) == list(found)


def test_what_another_machine_has_exported_lately_waits_until_it_is_due(tmp_path: Path) -> None:
    now_ms = time.time_ns() // 1_000_000
    ended(tmp_path, SHOP, now_ms - 1_000_000)
    schedule = schedule_of(tmp_path, export_projects=("1",))
    schedule.turn(PROJECTS)
    assert last_exports(tmp_path / "run") == {1: LastExport(now_ms - 1_000_000)}
    assert 2500 < schedule._next_s[1] - time.monotonic() < 2601
    assert not (tmp_path / "out" / "project=2").exists()


def test_a_project_that_another_machine_exports_is_left_to_it(tmp_path: Path) -> None:
    schedule = schedule_of(tmp_path, export_projects=("1",))
    with closing(export_lock(tmp_path / "projects.db", tmp_path / "run", 1)) as elsewhere:
        assert elsewhere.try_take()
        schedule.turn(PROJECTS)
    assert last_exports(tmp_path / "run") == {1: LastExport()} and not (tmp_path / "out").exists()
    assert 290 < schedule._next_s[1] - time.monotonic() < 301


def test_an_export_that_fails_is_shown_and_tried_again(tmp_path: Path) -> None:
    ended(tmp_path, SHOP, 0)
    (tmp_path / "out" / "project=1" / STATE).write_text("{")
    schedule = schedule_of(tmp_path, every="10s", export_projects=("1",))
    schedule.turn(PROJECTS)
    assert last_exports(tmp_path / "run") == {1: LastExport(0, has_failed=True)}
    assert 0 < schedule._next_s[1] - time.monotonic() < 10.1


class Lost:
    def try_take(self) -> bool:
        return True

    def is_held(self) -> bool:
        return False

    def close(self) -> None: ...


def test_an_export_stops_once_its_lock_is_lost() -> None:
    with pytest.raises(StateError, match="lock of the export was lost"):
        _guard(Lost())(None)
