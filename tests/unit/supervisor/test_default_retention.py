"""Which default retention counts at a start, by the settings and by what was confirmed."""

from pathlib import Path

import pytest

from tests.support.projects.migrated import migrated_file
from trackway.projects.database import ProjectsDatabase
from trackway.projects.drivers import open_reader
from trackway.projects.retention_states import RetentionStates
from trackway.runtime.ageing_holds import holds
from trackway.settings.table import Settings
from trackway.supervisor.default_retention import with_confirmed_retention


@pytest.fixture
def database(tmp_path: Path) -> ProjectsDatabase:
    (tmp_path / "run").mkdir()
    return migrated_file(tmp_path / "projects.db")


def started(tmp_path: Path, wanted: str) -> str:
    """The default retention that counts after a start with this one in the settings."""
    return with_confirmed_retention(Settings(data_dir=tmp_path, default_event_retention=wanted)).default_event_retention


def confirmed(tmp_path: Path) -> int | None:
    state = open_reader(tmp_path / "projects.db").retention_state("us")
    return None if state is None else state.default_days


def test_before_the_first_project_the_settings_count(tmp_path: Path, database: ProjectsDatabase) -> None:
    assert started(tmp_path, "30") == "30"
    database.create("first", "us")
    assert started(tmp_path, "30") == "30" and confirmed(tmp_path) == 30
    assert holds(tmp_path / "run") == []


def test_a_shorter_retention_waits_and_a_longer_one_counts(tmp_path: Path, database: ProjectsDatabase) -> None:
    database.create("first", "us")
    assert started(tmp_path, "3650") == "forever" and confirmed(tmp_path) == 0, "nothing was confirmed before"
    [sentence] = holds(tmp_path / "run")
    assert sentence.startswith("default_event_retention of 3650 days is not confirmed, so forever")
    RetentionStates(database, "us").confirm_default(3650)
    assert started(tmp_path, "3650") == "3650" and holds(tmp_path / "run") == []
    for wanted, counts in (
        ("30", "3650"),
        ("4000", "4000"),
        ("3650", "4000"),
        ("forever", "forever"),
        ("9", "forever"),
    ):
        assert started(tmp_path, wanted) == counts
    assert [each.action for each in database.audit(1)] == ["default retention confirmed"]


def test_regions_confirm_for_themselves(tmp_path: Path, database: ProjectsDatabase) -> None:
    database.create("first", "us")
    assert started(tmp_path, "30") == "forever"
    assert open_reader(tmp_path / "projects.db").retention_state("eu") is None
