"""Names, descriptions and the end of projects, on SQLite and PostgreSQL alike."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from trackway.domain.errors import InvalidInput, StateError
from trackway.projects.account_changes import ServiceAccounts
from trackway.projects.authorization import NotGranted, UnknownAccount
from trackway.projects.database import ProjectsDatabase
from trackway.projects.drivers import open_reader
from trackway.projects.project import Project
from trackway.projects.project_lookup import ProjectDirectory
from trackway.projects.tables.accounts import memberships
from trackway.projects.tables.projects import old_keys, projects


@pytest.fixture
def shop(database: ProjectsDatabase) -> Project:
    database.create("Other", "us")
    return database.create("Shop", "us")


@pytest.fixture
def directory(at: Path | str, database: ProjectsDatabase) -> Iterator[ProjectDirectory]:
    """What an edge process knows, after a refresh."""
    with closing(ProjectDirectory(open_reader(at, patient=True))) as found:
        yield found


def actions(database: ProjectsDatabase, project: Project) -> list[tuple[str, str]]:
    entries = database.audit(20, project_id=project.project_id)
    return [(each.action, each.subject) for each in reversed(entries)]


def test_a_project_is_named_and_described(database: ProjectsDatabase, shop: Project) -> None:
    revision = database.revision()
    described = database.describe(shop.project_id, "Störe", "what we sell")
    assert (described.name, described.description, described.token) == ("Störe", "what we sell", shop.token)
    assert database.named("Störe") == described == database.all_projects()[1]
    assert database.revision() == revision + 1
    for name, description, error in (("Other", "", "taken"), ("", "", "1 to 255"), ("Shop", "x" * 1025, "1024")):
        with pytest.raises(InvalidInput, match=error):
            database.describe(shop.project_id, name, description)
    assert database.named("Störe") == described
    assert actions(database, shop)[1:] == [("project described", "Störe")]


def test_an_archived_project_has_no_keys_and_is_taken_up_with_the_same(
    database: ProjectsDatabase, directory: ProjectDirectory, shop: Project
) -> None:
    rotated = database.rotate("Shop", "token", 3600)
    directory.refresh()
    keys = (shop.token, rotated.token)
    assert all(directory.by_token(each) for each in keys) and directory.by_secret(shop.secret)
    for _ in range(2):
        archived = database.archive(shop.project_id, archived=True)
    directory.refresh()
    assert archived.is_archived and directory.by_id(shop.project_id) == archived
    assert not any(directory.by_token(each) or directory.by_token_credential(each) for each in keys)
    assert directory.by_secret(shop.secret) is None
    assert not database.archive(shop.project_id, archived=False).is_archived
    directory.refresh()
    assert all(directory.by_token(each) for each in keys) and directory.by_secret(shop.secret)
    assert [action for action, _ in actions(database, shop)][2:] == ["project archived", "project taken up"]


def test_a_deleted_project_is_found_by_nobody_and_its_name_is_free(
    database: ProjectsDatabase, directory: ProjectDirectory, shop: Project
) -> None:
    number = shop.project_id
    rotated = database.rotate("Shop", "secret", 3600)
    account, _ = ServiceAccounts(database).create("Ann", {number: "owner", 1: "consumer"})
    for typed in ("shop", "Shop ", ""):
        with pytest.raises(InvalidInput, match="type the name of the project"):
            database.delete(number, typed)
    directory.refresh()
    assert directory.by_id(number)
    database.delete(number, "Shop", account.account_id)
    directory.refresh()
    assert directory.by_id(number) is directory.by_token(shop.token) is directory.by_secret(shop.secret) is None
    assert directory.by_secret(rotated.secret) is None
    assert [each.name for each in directory.projects()] == [each.name for each in database.all_projects()] == ["Other"]
    with pytest.raises(StateError):
        database.named("Shop")
    for change in (
        lambda: database.archive(number, archived=True),
        lambda: database.describe(number, "Shop", ""),
        lambda: database.delete(number, "Shop"),
    ):
        with pytest.raises(StateError, match="no project has the id"):
            change()
    with database.reading() as connection:
        [row] = connection.execute(select(projects).where(projects.c.project_id == number))
        assert shop.token not in row and shop.secret not in row and rotated.secret not in row
        for table in (memberships, old_keys):
            assert not connection.execute(select(table).where(table.c.project_id == number)).all()
    assert ServiceAccounts(database).one(account.account_id).roles == {1: "consumer"}
    again = database.create("Shop", "us")
    assert again.project_id == number + 1
    assert actions(database, shop)[-1] == ("project deleted", "Shop")


def test_no_name_of_another_project_is_in_the_way_of_a_deletion(database: ProjectsDatabase, shop: Project) -> None:
    database.create(f"deleted {shop.project_id} Shop", "us")
    database.delete(shop.project_id, "Shop")
    database.create("Shop", "us")
    with database.reading() as connection:
        names = connection.execute(select(projects.c.name).where(projects.c.deleted_at_ms.is_not(None))).scalars().all()
    for name in names:
        with pytest.raises(InvalidInput):
            database.create(name, "us")


def test_only_an_owner_ends_a_project(database: ProjectsDatabase, shop: Project) -> None:
    number, accounts = shop.project_id, ServiceAccounts(database)
    admin = accounts.create("a", {number: "admin"})[0].account_id
    stranger = accounts.create("s", {1: "owner"})[0].account_id
    assert database.describe(number, "Shop 2", "", admin).name == "Shop 2"
    for by, error in ((admin, NotGranted), (stranger, UnknownAccount)):
        with pytest.raises(error):
            database.archive(number, archived=True, by=by)
        with pytest.raises(error):
            database.delete(number, "Shop 2", by)
    with pytest.raises(UnknownAccount):
        database.describe(number, "Mine", "", stranger)
    assert not database.named("Shop 2").is_archived
