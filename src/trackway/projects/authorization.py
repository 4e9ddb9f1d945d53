"""Authorization to see and change accounts: pure rules, without the database.

An actor is the command line or an account, of a program or a person. The command line has every right. An account
manages the projects where its role grants roles (`roles.GRANTS`). It sees the accounts of those projects, those that it
made, and itself. Other accounts do not exist for it, so that nobody learns the members of another project.

In an archived project nobody gives or takes roles, not even the command line: its members are as they were when it is
taken up again. An account that is revoked loses its role there, too, since that is how a leaked secret ends.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from trackway.domain.errors import StateError
from trackway.projects.account import Account
from trackway.projects.roles import ARCHIVED, GRANTS, RIGHTS, ROLES, Right, Role


class UnknownAccount(StateError):
    """The account, project or membership does not exist, or the actor may not see it."""


class NotGranted(StateError):
    """The actor sees the account or project, but has no right to this action."""


def check_manages_project(account: Account, project_id: int, right: Right = Right.MANAGE) -> None:
    """Raises UnknownAccount unless the account is a member of the project, NotGranted unless its role has the right."""
    role = account.roles.get(project_id)
    if role is None:
        raise UnknownAccount(f"project {project_id} was not found")
    if right not in RIGHTS[role]:
        raise NotGranted(f"role {role} may not {right.value}")


class Actor:
    """The rights of `by` (None: the command line). `projects` are the ids of all projects that are not deleted, of
    those `archived` the ones that take nothing."""

    def __init__(self, by: Account | None, projects: Iterable[int], archived: Iterable[int] = ()):
        self._by: Final = by
        self._projects: Final = frozenset(projects)
        self._archived: Final = frozenset(archived)
        roles: Mapping[int, Role] = dict.fromkeys(self._projects, "owner") if by is None else by.roles
        self._granted: Final = {project_id: GRANTS[role] for project_id, role in roles.items() if GRANTS[role]}
        self._seen_projects: Final = roles.keys()

    def check_manages(self, project_id: int | None = None) -> None:
        """Raises NotGranted unless the actor manages this project, or (None) any project. Raises UnknownAccount where
        it is no member."""
        if project_id is not None and project_id not in self._seen_projects:
            raise UnknownAccount(f"project {project_id} was not found")
        managed = (self._by is None or bool(self._granted)) if project_id is None else project_id in self._granted
        if not managed:
            raise NotGranted("managing accounts takes the role owner or admin")

    def check_grants(self, project_id: int, role: Role) -> None:
        """Raises unless the actor may give and take that role in the project. Nobody may in an archived one."""
        self.check_manages(project_id)
        if project_id in self._archived:
            raise NotGranted(ARCHIVED)
        self._check_is_own(project_id, role)

    def _check_is_own(self, project_id: int, role: Role) -> None:
        if role not in self._granted[project_id]:
            may = ", ".join(each for each in ROLES if each in self._granted[project_id])
            raise NotGranted(f"the role {role} in project {project_id} is not yours to give or take; yours are {may}")

    def check_changes_role(self, account: Account, project_id: int) -> None:
        """Raises unless the actor may change the account's role in that project. An account without one is free."""
        role = account.roles.get(project_id)
        if role is not None:
            self.check_grants(project_id, role)

    def check_revokes(self, account: Account) -> None:
        """Raises unless the actor may revoke every role of the account."""
        for project_id, role in account.roles.items():
            if project_id not in self._seen_projects:
                raise NotGranted(f"account {account.account_id} is in projects that are not yours")
            self.check_manages(project_id)
            self._check_is_own(project_id, role)

    def sees(self, account: Account) -> bool:
        own = self._by is None or self._by.account_id in (account.account_id, account.creator)
        return own or not self._granted.keys().isdisjoint(account.roles)

    def seen(self, accounts: Iterable[Account]) -> dict[int, Account]:
        """The accounts that the actor sees, by id. Raises NotGranted when it manages nothing."""
        self.check_manages()
        return {account.account_id: account for account in accounts if self.sees(account)}
