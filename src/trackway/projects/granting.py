"""Who may see and change which service accounts: the rules of managing them, apart from the database.

An actor is the command line, which may do everything, or a service account, which manages the projects where its role
grants roles (`roles.GRANTS`). It sees the accounts of those projects, those it made itself, and itself; what it does
not see does not exist for it, so that nobody learns who is in a project of others.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from trackway.errors import ConfigError
from trackway.projects.account import Account
from trackway.projects.roles import GRANTS, ROLES, Role


class UnknownAccount(ConfigError):
    """No such account, project or membership, or none that the actor may see."""


class NotGranted(ConfigError):
    """The actor sees it, but may not do that to it."""


class Actor:
    """What `by` (None: the command line) may do. projects: the ids of all there are."""

    def __init__(self, by: Account | None, projects: Iterable[int]):
        self._by: Final = by
        self._projects: Final = frozenset(projects)
        roles: Mapping[int, Role] = dict.fromkeys(self._projects, "owner") if by is None else by.roles
        self._granted: Final = {project_id: GRANTS[role] for project_id, role in roles.items() if GRANTS[role]}
        self._seen_projects: Final = roles.keys()

    def check_manages(self, project_id: int | None = None) -> None:
        """Raises NotGranted unless the actor manages this project, or (None) any; UnknownAccount where it is not even a
        member."""
        if project_id is not None and project_id not in self._seen_projects:
            raise UnknownAccount(f"project {project_id} was not found")
        managed = (self._by is None or bool(self._granted)) if project_id is None else project_id in self._granted
        if not managed:
            raise NotGranted("managing service accounts takes the role owner or admin")

    def check_grants(self, project_id: int, role: Role) -> None:
        """Raises unless the actor may give, and take away, that role there."""
        self.check_manages(project_id)
        if role not in self._granted[project_id]:
            may = ", ".join(each for each in ROLES if each in self._granted[project_id])
            raise NotGranted(f"the role {role} in project {project_id} is not yours to give or take; yours are {may}")

    def check_takes_over(self, account: Account, project_id: int) -> None:
        """Raises unless the actor may change the role that the account has in that project; none is free to change."""
        role = account.roles.get(project_id)
        if role is not None:
            self.check_grants(project_id, role)

    def check_revokes(self, account: Account) -> None:
        """Raises unless every role of the account is the actor's to take away."""
        for project_id, role in account.roles.items():
            if project_id not in self._seen_projects:
                raise NotGranted(f"service account {account.account_id} is in projects that are not yours")
            self.check_grants(project_id, role)

    def sees(self, account: Account) -> bool:
        own = self._by is None or self._by.account_id in (account.account_id, account.creator)
        return own or not self._granted.keys().isdisjoint(account.roles)

    def seen(self, accounts: Iterable[Account]) -> dict[int, Account]:
        """The accounts that the actor sees, by id. Raises NotGranted when it manages nothing."""
        self.check_manages()
        return {account.account_id: account for account in accounts if self.sees(account)}
