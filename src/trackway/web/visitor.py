"""The visitor of a page and the visitor's rights: a person or program with an account at this moment, or the admin.

No request remembers them for the next. Roles are those in the directory of projects at that moment, so a revoked role
is gone with the next request.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from trackway.projects.roles import GRANTS, RIGHTS, Right, Role

ADMIN: Final = "admin"
"""The name for the admin password. No service account can have it, since their names end in a suffix."""


class Visitor(NamedTuple):
    """`name` is the user name: for a person with an account the e-mail address. `roles` are by project id, None for the
    admin, who has every right. `account_id` is None for the admin, too."""

    name: str
    roles: Mapping[int, Role] | None
    account_id: int | None = None
    is_person: bool = False

    def knows(self, project_id: int) -> bool:
        """Whether the project exists for the visitor."""
        return self.roles is None or project_id in self.roles

    def may(self, project_id: int, right: Right) -> bool:
        if self.roles is None:
            return True
        role = self.roles.get(project_id)
        return role is not None and right in RIGHTS[role]

    def role(self, project_id: int) -> str:
        """The visitor's role in a project that exists for the visitor, as pages show it."""
        return ADMIN if self.roles is None else self.roles[project_id]

    def grants(self, project_id: int) -> frozenset[Role]:
        """The roles that the visitor may grant and revoke in the project."""
        role: Role | None = "owner" if self.roles is None else self.roles.get(project_id)
        return GRANTS[role] if role is not None else frozenset()
