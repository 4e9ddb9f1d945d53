"""The table of roles of service accounts and of their rights.

The names are Mixpanel's, in order of power. Consumers see reports, but no raw personal data (events as they came,
profiles). Only owners and admins import and replace data, and have alerts sent elsewhere. A project's own
keys have rights, too. The secret imports and exports data, but grants no access to others. The token is in every app
that sends, so it exports nothing. Only owners see the audit, since it holds addresses of people, and only they end the
project.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final, Literal, get_args

from trackway.domain.choice import chosen

Role = Literal["owner", "admin", "analyst", "consumer"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
LEAST: Final[Role] = "consumer"
"""The role where a request names none."""


class Right(Enum):
    """A right of credentials. The value ends the sentence `role analyst may not …`."""

    IMPORT = "import events"
    EXPORT = "export events"
    PROFILES = "query profiles"
    REPORTS = "run reports"
    SAVE = "save reports, cohorts and annotations"
    READ_TABLES = "read lookup tables"
    REPLACE_TABLES = "replace lookup tables"
    UNLINK = "unlink ids"
    ERASE = "erase and hand out persons"
    REBUILD = "check and rebuild facts"
    SQL = "ask by SQL"
    LIMITS = "see rate limits"
    MANAGE = "see and replace keys, and change limits and settings"
    ALERTS = "see and change alerts"
    AUDIT = "see the audit"
    END = "archive and delete the project"


_READING: Final = frozenset({Right.REPORTS, Right.READ_TABLES, Right.LIMITS})
_RAW: Final = _READING | {Right.EXPORT, Right.PROFILES, Right.SAVE}
_ALL: Final = frozenset(Right)

RIGHTS: Final[Mapping[Role, frozenset[Right]]] = {
    "owner": _ALL,
    "admin": _ALL - {Right.AUDIT, Right.END},
    "analyst": _RAW,
    "consumer": _READING,
}
GRANTS: Final[Mapping[Role, frozenset[Role]]] = {
    "owner": frozenset(ROLES),
    "admin": frozenset({"analyst", "consumer"}),
    "analyst": frozenset(),
    "consumer": frozenset(),
}
"""The roles that an account of each role may grant and revoke in its project. An admin cannot grant its own role, so
that only an owner's grant can outlive the grantor's access."""

SECRET_RIGHTS: Final = _ALL - {Right.MANAGE, Right.ALERTS, Right.AUDIT, Right.END}
ARCHIVED_RIGHTS: Final = _READING | {Right.EXPORT, Right.PROFILES, Right.SQL, Right.AUDIT, Right.ERASE}
"""What roles still allow in an archived project: to read, and to erase persons. Its keys open nothing."""
ARCHIVED: Final = "this project is archived: it is read, and takes nothing"
"""Why a right is refused there."""
TOKEN_RIGHTS: Final = frozenset({Right.IMPORT})


def check_role(role: str) -> Role:
    """The role. Raises InvalidInput."""
    return chosen(role, ROLES, "role")
