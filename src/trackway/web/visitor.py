"""Who looks at a page, and what they may do: a service account as it is now, or the admin.

Nothing of this is remembered between requests: roles are those that the directory of projects knows at that moment, so
what is taken from an account is gone from its pages with the next look.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from trackway.projects.roles import GRANTS, RIGHTS, Right, Role

ADMIN: Final = "admin"
"""The name that the admin password signs in. No service account can have it: their names end in a suffix."""


class Visitor(NamedTuple):
    """`roles` by project id; None is the admin, who may do everything. `account_id`: None for the admin, too."""

    name: str
    roles: Mapping[int, Role] | None
    account_id: int | None = None

    def knows(self, project_id: int) -> bool:
        """Whether the project exists for them at all."""
        return self.roles is None or project_id in self.roles

    def may(self, project_id: int, right: Right) -> bool:
        if self.roles is None:
            return True
        role = self.roles.get(project_id)
        return role is not None and right in RIGHTS[role]

    def role(self, project_id: int) -> str:
        """Their role in a project that they know, as it is shown."""
        return ADMIN if self.roles is None else self.roles[project_id]

    def grants(self, project_id: int) -> frozenset[Role]:
        """The roles that they may give and take in the project."""
        role: Role | None = "owner" if self.roles is None else self.roles.get(project_id)
        return GRANTS[role] if role is not None else frozenset()
