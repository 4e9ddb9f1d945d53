"""The time zone, the week start and the retentions of projects: stored, changed, audited, and what older ones get."""

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config

from tests.support.projects.migrations import MIGRATIONS
from trackway.domain.data_age import FOREVER
from trackway.domain.errors import InvalidInput
from trackway.projects.account_changes import ServiceAccounts
from trackway.projects.authorization import NotGranted, UnknownAccount
from trackway.projects.database import ProjectsDatabase
from trackway.projects.migrate import migrate_if_needed
from trackway.projects.project import Project
from trackway.projects.project_lookup import ProjectDirectory
from trackway.projects.read_statements import Reader
from trackway.projects.roles import Role


def days(project: Project) -> tuple[str, str]:
    return project.time_zone, project.week_start


def test_project_has_utc_and_monday_unless_it_is_made_otherwise(database: ProjectsDatabase, reader: Reader) -> None:
    assert days(database.create("a", "us")) == ("UTC", "monday")
    made = database.create("b", "us", time_zone="Asia/Kathmandu", week_start="sunday")
    assert days(made) == ("Asia/Kathmandu", "sunday")
    assert [days(each) for each in reader.all_projects()] == [("UTC", "monday"), ("Asia/Kathmandu", "sunday")]
    assert reader.all_projects() == database.all_projects()


def test_each_is_changed_by_itself_and_for_one_project(database: ProjectsDatabase, reader: Reader) -> None:
    database.create("a", "us")
    database.create("b", "us")
    directory = ProjectDirectory(reader)
    assert directory.refresh()
    assert days(database.change_settings(2, time_zone="Europe/Berlin")) == ("Europe/Berlin", "monday")
    assert days(database.change_settings(2, week_start="sunday")) == ("Europe/Berlin", "sunday")
    assert dict(database.change_settings(2, {"export_concurrent_max": 2}).settings) == {"export_concurrent_max": 2}
    assert directory.refresh()
    assert [days(each) for each in directory.projects()] == [("UTC", "monday"), ("Europe/Berlin", "sunday")]


def test_change_of_several_settings_is_made_whole_or_not_at_all(database: ProjectsDatabase) -> None:
    project = database.create("a", "us")
    for limits, zone, week in (
        ({"export_concurrent_max": 0}, "Europe/Berlin", "sunday"),
        ({"export_concurrent_max": 1}, "Europe/Berln", "sunday"),
        ({"export_concurrent_max": 1}, "Europe/Berlin", "friday"),
    ):
        with pytest.raises(InvalidInput):
            database.change_settings(1, limits, time_zone=zone, week_start=week)
    assert database.all_projects() == [project]
    assert database.revision() == 1
    bad: list[dict[str, Any]] = [
        {"time_zone": "Europe/Berln"}, {"week_start": "friday"}, {"kept": {"event_retention": -1}},
    ]  # fmt: skip
    for each in bad:
        with pytest.raises(InvalidInput):
            database.create("b", "us", **each)
    assert database.all_projects() == [project]


def test_a_project_says_how_long_it_keeps_events_and_profiles(database: ProjectsDatabase, reader: Reader) -> None:
    directory = ProjectDirectory(reader)

    def kept(project: Project | None) -> tuple[int | None, int | None, int, int]:
        assert project is not None
        own = (project.event_retention, project.profile_retention)
        return *own, project.kept_event_days(90), project.kept_profile_days

    created = database.create("a", "us", kept={"event_retention": 30})
    assert kept(created) == (30, None, 30, FOREVER)
    assert kept(database.create("b", "us")) == (None, None, 90, FOREVER)
    changed = database.change_settings(1, kept={"event_retention": FOREVER, "profile_retention": 7})
    assert kept(changed) == (FOREVER, 7, FOREVER, 7)
    assert directory.refresh()
    assert kept(directory.by_id(1)) == kept(changed)
    assert kept(database.change_settings(1, kept={"event_retention": None})) == (None, 7, 90, 7)
    with pytest.raises(InvalidInput, match="event_retention must be 1 to 36500 days, or forever, not 36501"):
        database.change_settings(1, kept={"event_retention": 36_501})
    database.change_settings(1, kept={"profile_retention": 7})
    noted = [(each.action, each.subject) for each in reversed(database.audit(10)) if "retention" in each.action]
    assert noted == [
        ("event retention changed", "forever"),
        ("profile retention changed", "7 days"),
        ("event retention changed", "that of the server"),
    ]


def test_audit_has_what_changed_and_nothing_else(database: ProjectsDatabase) -> None:
    database.create("a", "us")
    database.change_settings(1, time_zone="UTC", week_start="monday")
    database.change_settings(1, time_zone="Europe/Berlin", week_start="monday")
    database.change_settings(1, {"export_concurrent_max": 2}, week_start="sunday")
    assert [(each.action, each.subject) for each in reversed(database.audit(10))] == [
        ("project created", "a"),
        ("time zone changed", "Europe/Berlin"),
        ("limits changed", "export_concurrent_max is 2"),
        ("week start changed", "sunday"),
    ]


@pytest.mark.parametrize(("role", "may"), [("owner", True), ("admin", True), ("analyst", False), ("consumer", False)])
def test_role_is_looked_at_within_the_change(database: ProjectsDatabase, role: Role, may: bool) -> None:
    database.create("a", "us")
    database.create("b", "us")
    account, _ = ServiceAccounts(database).create("it", {1: role})
    if may:
        assert days(database.change_settings(1, time_zone="Europe/Berlin", by=1)) == ("Europe/Berlin", "monday")
        assert database.managed(1, account.account_id).time_zone == "Europe/Berlin"
    else:
        refusal = f"role {role} may not see and replace keys, and change limits and settings"
        with pytest.raises(NotGranted, match=refusal):
            database.change_settings(1, time_zone="Europe/Berlin", by=1)
        with pytest.raises(NotGranted, match=refusal):
            database.managed(1, account.account_id)
    with pytest.raises(UnknownAccount, match="project 2 was not found"):
        database.change_settings(2, time_zone="Europe/Berlin", by=1)
    ServiceAccounts(database).revoke(1)
    with pytest.raises(NotGranted, match="was revoked"):
        database.change_settings(1, time_zone="Asia/Tokyo", by=1)
    assert [each.time_zone for each in database.all_projects()] == ["Europe/Berlin" if may else "UTC", "UTC"]


def test_database_of_the_version_before_gets_utc_and_monday(at: Path | str, reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    database = ProjectsDatabase(at)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database._transaction(database._writing) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0006")
        columns = "name, token, secret, region, created_at_ms, settings, identity_mode"
        row = f"'old', '{'a' * 32}', '{'b' * 32}', 'eu', 5, '{{\"export_concurrent_max\": 3}}', 'original'"
        connection.exec_driver_sql(f"INSERT INTO projects ({columns}) VALUES ({row})")
    assert migrate_if_needed(at)
    old = Project(1, "old", "a" * 32, "b" * 32, "eu", 5, {"export_concurrent_max": 3}, "original")
    assert reader.all_projects() == [old]
    assert days(old) == ("UTC", "monday")
    assert days(database.change_settings(1, time_zone="Europe/Berlin")) == ("Europe/Berlin", "monday")


def test_zone_that_this_version_does_not_know_keeps_no_project_from_being_known(
    database: ProjectsDatabase, reader: Reader
) -> None:
    database.create("a", "us")
    with database._transaction(database._writing) as connection:
        connection.exec_driver_sql("UPDATE projects SET time_zone = 'Mars/Olympus'")
    assert [each.time_zone for each in reader.all_projects()] == ["Mars/Olympus"]
    assert database.change_settings(1, time_zone="UTC").time_zone == "UTC"
