"""Service accounts as they are changed: the command line and the HTTP API both come here, and nothing else does.

What is wanted arrives with who wants it; accounts leave, and a new one's secret, this once. Each change is one
transaction that raises the revision, so that edge processes take it over; rights are looked at within it, against what
is in the database then, not what some process remembers.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from sqlalchemy import Connection, delete, insert, select

from trackway.errors import ConfigError
from trackway.limits import SERVICE_ACCOUNTS_MAX
from trackway.projects.account import Account, check_expiry, check_name, new_username
from trackway.projects.database import ProjectsDatabase, read_accounts
from trackway.projects.granting import Actor, NotGranted, UnknownAccount
from trackway.projects.passwords import hash_secret, new_secret
from trackway.projects.roles import Role
from trackway.projects.tables import memberships, projects, service_accounts

COMMAND_LINE: Final = None
"""As the actor `by`: may do everything."""


class _Scene(NamedTuple):
    """What a transaction works on. `accounts`: those that the actor sees, by id."""

    connection: Connection
    actor: Actor
    accounts: dict[int, Account]

    def account(self, account_id: int) -> Account:
        if account_id not in self.accounts:
            raise UnknownAccount(f"service account {account_id} was not found")
        return self.accounts[account_id]


class ServiceAccounts:
    """The service accounts of a projects database. `by`: id of the acting account, or COMMAND_LINE.

    Every method raises NotGranted and UnknownAccount as `granting` has it, ConfigError for what cannot be asked, and
    StorageError when the database is away.
    """

    def __init__(self, database: ProjectsDatabase):
        self._database = database

    def create(
        self, name: str, roles: Mapping[int, Role], expires_at_ms: int | None = None, by: int | None = COMMAND_LINE
    ) -> tuple[Account, str]:
        """A new account with these roles by project id, and its secret, which is kept nowhere. Takes some 50 ms."""
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
            account_id = _insert(scene.connection, words, row)
            _give(scene.connection, [account_id], roles)
            created = {account.account_id: account for account in read_accounts(scene.connection)}
            return created[account_id], secret

    def all(self, by: int | None = COMMAND_LINE) -> list[Account]:
        """The accounts that the actor sees, by id."""
        with self._database.reading() as connection:
            return list(_scene(connection, by).accounts.values())

    def one(self, account_id: int, by: int | None = COMMAND_LINE) -> Account:
        with self._database.reading() as connection:
            return _scene(connection, by).account(account_id)

    def of_project(self, project_id: int, by: int | None = COMMAND_LINE) -> list[Account]:
        """The members of a project, by id."""
        with self._database.reading() as connection:
            scene = _scene(connection, by, project_id)
            return [account for account in scene.accounts.values() if project_id in account.roles]

    def revoke(self, account_id: int, by: int | None = COMMAND_LINE) -> Account:
        """Deletes the account, which is returned as it was."""
        with self._change(by) as scene:
            account = scene.account(account_id)
            scene.actor.check_revokes(account)
            _take(scene.connection, account_id, account.roles)
            scene.connection.execute(delete(service_accounts).where(service_accounts.c.account_id == account_id))
            return account

    def add(self, account_ids: Sequence[int], roles: Mapping[int, Role], by: int | None = COMMAND_LINE) -> None:
        """Gives every one of the accounts these roles by project id, in place of the one it has there."""
        with self._change(by) as scene:
            for account_id in account_ids:
                account = scene.account(account_id)
                for project_id, role in roles.items():
                    scene.actor.check_grants(project_id, role)
                    scene.actor.check_takes_over(account, project_id)
                _take(scene.connection, account_id, roles)
            _give(scene.connection, account_ids, roles)

    def remove(self, account_ids: Mapping[int, Sequence[int]], by: int | None = COMMAND_LINE) -> None:
        """Takes accounts out of projects: ids of accounts by project id."""
        with self._change(by) as scene:
            for project_id, leaving in account_ids.items():
                scene.actor.check_manages(project_id)
                for account_id in leaving:
                    account = scene.account(account_id)
                    if project_id not in account.roles:
                        raise UnknownAccount(f"service account {account_id} is not in project {project_id}")
                    scene.actor.check_takes_over(account, project_id)
                    _take(scene.connection, account_id, [project_id])

    @contextmanager
    def _change(self, by: int | None) -> Iterator[_Scene]:
        with self._database.changing() as connection:
            yield _scene(connection, by)


def _scene(connection: Connection, by: int | None, project_id: int | None = None) -> _Scene:
    """Everything there is, which is little, as the actor sees it: one that manages that project, or (None) any."""
    accounts = read_accounts(connection)
    acting = None
    if by is not COMMAND_LINE:
        acting = next((account for account in accounts if account.account_id == by), None)
        if acting is None or acting.expired(time.time() * 1000):
            raise NotGranted("the service account that asks was revoked")
    actor = Actor(acting, connection.execute(select(projects.c.project_id)).scalars())
    actor.check_manages(project_id)
    return _Scene(connection, actor, actor.seen(accounts))


def _insert(connection: Connection, words: str, row: Mapping[str, object]) -> int:
    taken = set(connection.execute(select(service_accounts.c.username)).scalars())
    if len(taken) >= SERVICE_ACCOUNTS_MAX:
        raise ConfigError(f"there are {SERVICE_ACCOUNTS_MAX} service accounts, the most there may be")
    named = {**row, "username": new_username(words, taken)}
    key = connection.execute(insert(service_accounts).values(named)).inserted_primary_key
    assert key is not None, "an insert of one row tells its key"
    return int(key[0])


def _give(connection: Connection, account_ids: Iterable[int], roles: Mapping[int, Role]) -> None:
    rows = [
        {"account_id": account_id, "project_id": project_id, "role": role}
        for account_id in dict.fromkeys(account_ids)
        for project_id, role in roles.items()
    ]
    if rows:
        connection.execute(insert(memberships), rows)


def _take(connection: Connection, account_id: int, project_ids: Iterable[int]) -> None:
    here = memberships.c.account_id == account_id
    connection.execute(delete(memberships).where(here, memberships.c.project_id.in_(list(project_ids))))
