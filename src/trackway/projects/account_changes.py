"""Changes of accounts: what programs and people have in common, and service accounts as a whole.

A change arrives with its actor. Accounts leave, and once only the secret of a new one. Each change is one transaction.
It raises the revision, so that edge processes reload the accounts. It checks the actor's rights against the database,
not against the memory of a process.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar, Final, NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from trackway.domain.errors import StateError
from trackway.projects.account import Account, check_expiry, check_name, new_username
from trackway.projects.audit import Action, Note
from trackway.projects.authorization import Actor, UnknownAccount
from trackway.projects.database import ProjectsDatabase, acting_account, read_accounts
from trackway.projects.limits import ACCOUNTS_MAX
from trackway.projects.passwords import hash_secret, new_secret
from trackway.projects.roles import Role
from trackway.projects.tables.accounts import accounts, memberships
from trackway.projects.tables.projects import projects

COMMAND_LINE: Final = None
"""As the actor `by`: it has every right."""


class Scene(NamedTuple):
    """The state in a transaction. `accounts` are those that the actor sees, of the kind that is changed, by id. `note`
    writes to the audit."""

    connection: Connection
    actor: Actor
    accounts: dict[int, Account]
    noun: str
    note: Callable[..., None]

    def account(self, account_id: int) -> Account:
        if account_id not in self.accounts:
            raise UnknownAccount(f"{self.noun} {account_id} was not found")
        return self.accounts[account_id]


class Accounts:
    """The accounts of a projects database, of one kind. `by` is the id of the acting account, or COMMAND_LINE.

    Every method raises NotGranted and UnknownAccount as in `authorization`, InvalidInput for bad values, and
    StorageError when the database is away.
    """

    of_people: ClassVar[bool]
    noun: ClassVar[str]

    def __init__(self, database: ProjectsDatabase):
        self._database = database

    def all(self, by: int | None = COMMAND_LINE) -> list[Account]:
        """The accounts that the actor sees, by id."""
        with self._database.reading() as connection:
            return list(self._scene(connection, by).accounts.values())

    def one(self, account_id: int, by: int | None = COMMAND_LINE) -> Account:
        with self._database.reading() as connection:
            return self._scene(connection, by).account(account_id)

    def of_project(self, project_id: int, by: int | None = COMMAND_LINE) -> list[Account]:
        """The members of a project, by id."""
        with self._database.reading() as connection:
            scene = self._scene(connection, by, project_id)
            return [account for account in scene.accounts.values() if project_id in account.roles]

    def add(self, account_ids: Sequence[int], roles: Mapping[int, Role], by: int | None = COMMAND_LINE) -> None:
        """Give each of the accounts these roles by project id. They replace the roles that it has there."""
        with self._change(by) as scene:
            for account_id in account_ids:
                account = scene.account(account_id)
                for project_id, role in roles.items():
                    scene.actor.check_grants(project_id, role)
                    scene.actor.check_changes_role(account, project_id)
                    scene.note(Note("role given", project_id, f"{account.username}: {role}"))
                take_roles(scene.connection, account_id, roles)
            give_roles(scene.connection, account_ids, roles)

    def remove(self, account_ids: Mapping[int, Sequence[int]], by: int | None = COMMAND_LINE) -> None:
        """Remove accounts from projects. `account_ids` are by project id."""
        with self._change(by) as scene:
            for project_id, leaving in account_ids.items():
                scene.actor.check_manages(project_id)
                for account_id in leaving:
                    account = scene.account(account_id)
                    if project_id not in account.roles:
                        raise UnknownAccount(f"{self.noun} {account_id} is not in project {project_id}")
                    scene.actor.check_changes_role(account, project_id)
                    take_roles(scene.connection, account_id, [project_id])
                    scene.note(Note("role taken", project_id, f"{account.username}: {account.roles[project_id]}"))

    @contextmanager
    def _change(self, by: int | None) -> Iterator[Scene]:
        with self._database.changing() as change:
            change.note()
            yield self._scene(change.connection, by, note=change.note)

    def _scene(
        self,
        connection: Connection,
        by: int | None,
        project_id: int | None = None,
        note: Callable[..., None] = lambda *_: None,
    ) -> Scene:
        """The actor must manage that project, or (None) any project."""
        actor = actor_of(connection, by)
        actor.check_manages(project_id)
        seen = actor.seen(each for each in read_accounts(connection) if each.is_person is self.of_people)
        return Scene(connection, actor, seen, self.noun, note)


class ServiceAccounts(Accounts):
    """Those of programs."""

    of_people = False
    noun = "service account"

    def create(
        self, name: str, roles: Mapping[int, Role], expires_at_ms: int | None = None, by: int | None = COMMAND_LINE
    ) -> tuple[Account, str]:
        """A new account with these roles by project id, and its secret. Only a hash is kept. Takes some 50 ms."""
        now_ms, words, secret = time.time_ns() // 1_000_000, check_name(name), new_secret()
        row = {
            "secret_hash": hash_secret(secret),
            "created_at_ms": now_ms,
            "expires_at_ms": check_expiry(expires_at_ms, now_ms),
            "creator": by,
        }
        with self._change(by) as scene:
            for project_id, role in roles.items():
                scene.actor.check_grants(project_id, role)
            account_id = insert_account(scene.connection, lambda taken: new_username(words, taken), row)
            give_roles(scene.connection, [account_id], roles)
            created = {account.account_id: account for account in read_accounts(scene.connection)}[account_id]
            scene.note(*notes_of("account created", created))
            return created, secret

    def rotate(self, account_id: int, by: int | None = COMMAND_LINE) -> tuple[Account, str]:
        """Give the account another secret, which is returned once. The one before and its sessions end."""
        secret = new_secret()
        with self._change(by) as scene:
            account = scene.account(account_id)
            scene.actor.check_revokes(account)
            here = accounts.c.account_id == account_id
            scene.connection.execute(update(accounts).where(here).values(secret_hash=hash_secret(secret)))
            scene.note(*notes_of("account secret replaced", account))
            return account, secret

    def revoke(self, account_id: int, by: int | None = COMMAND_LINE) -> Account:
        """Delete the account, and return it as it was."""
        with self._change(by) as scene:
            account = scene.account(account_id)
            scene.actor.check_revokes(account)
            take_roles(scene.connection, account_id, account.roles)
            scene.connection.execute(delete(accounts).where(accounts.c.account_id == account_id))
            scene.note(*notes_of("account revoked", account))
            return account


def notes_of(action: Action, account: Account) -> list[Note]:
    """One note for each project of the account, for the project's owners. An account without projects has one note."""
    of_projects = [
        Note(action, project_id, f"{account.username}: {role}") for project_id, role in account.roles.items()
    ]
    return of_projects or [Note(action, None, account.username)]


def actor_of(connection: Connection, by: int | None) -> Actor:
    """The actor, and all projects, in this transaction."""
    acting = None if by is COMMAND_LINE else acting_account(connection, by)
    present = select(projects.c.project_id, projects.c.archived_at_ms).where(projects.c.deleted_at_ms.is_(None))
    found = connection.execute(present).all()
    return Actor(acting, [each for each, _ in found], [each for each, ended_ms in found if ended_ms is not None])


def insert_account(connection: Connection, username: Callable[[set[str]], str], row: Mapping[str, object]) -> int:
    """The id of a new account. `username` chooses its name, given those that are taken."""
    taken = set(connection.execute(select(accounts.c.username)).scalars())
    if len(taken) >= ACCOUNTS_MAX:
        raise StateError(f"there are {ACCOUNTS_MAX} accounts, the most there may be")
    named = {**row, "username": username(taken)}
    key = connection.execute(insert(accounts).values(named)).inserted_primary_key
    assert key is not None, "an insert of one row tells its key"
    return int(key[0])


def give_roles(connection: Connection, account_ids: Iterable[int], roles: Mapping[int, Role]) -> None:
    rows = [
        {"account_id": account_id, "project_id": project_id, "role": role}
        for account_id in dict.fromkeys(account_ids)
        for project_id, role in roles.items()
    ]
    if rows:
        connection.execute(insert(memberships), rows)


def take_roles(connection: Connection, account_id: int, project_ids: Iterable[int]) -> None:
    here = memberships.c.account_id == account_id
    connection.execute(delete(memberships).where(here, memberships.c.project_id.in_(list(project_ids))))
