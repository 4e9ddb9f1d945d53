"""Roles of service accounts, and what each may do: the one table of it.

The names are Mixpanel's, in order of power. Raw personal data (events as they came, profiles) is not for consumers,
who see reports; data goes in and is replaced by owners and admins alone. A project's own keys have rights, too: the
secret opens the data both ways, but hands on no access; the token stands in every app that sends, so it takes nothing
out.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final, Literal, get_args

from trackway.errors import ConfigError

Role = Literal["owner", "admin", "analyst", "consumer"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
LEAST: Final[Role] = "consumer"
"""The role where a request names none."""


class Right(Enum):
    """What credentials may be asked for; the value ends the sentence `role analyst may not …`."""

    IMPORT = "import events"
    EXPORT = "export events"
    PROFILES = "query profiles"
    REPORTS = "run reports"
    READ_TABLES = "read lookup tables"
    REPLACE_TABLES = "replace lookup tables"
    UNLINK = "unlink ids"
    LIMITS = "see rate limits"
    MANAGE = "see and replace keys, and change limits"


_READING: Final = frozenset({Right.REPORTS, Right.READ_TABLES, Right.LIMITS})
_RAW: Final = _READING | {Right.EXPORT, Right.PROFILES}
_ALL: Final = frozenset(Right)

RIGHTS: Final[Mapping[Role, frozenset[Right]]] = {"owner": _ALL, "admin": _ALL, "analyst": _RAW, "consumer": _READING}
GRANTS: Final[Mapping[Role, frozenset[Role]]] = {
    "owner": frozenset(ROLES),
    "admin": frozenset({"analyst", "consumer"}),
    "analyst": frozenset(),
    "consumer": frozenset(),
}
"""The roles that an account of each role may give and take away in its project. An admin makes no equals, so that
access outlives its giver only where an owner wants it."""

SECRET_RIGHTS: Final = _ALL - {Right.MANAGE}
TOKEN_RIGHTS: Final = frozenset({Right.IMPORT})


def check_role(role: str) -> Role:
    """The role, or ConfigError."""
    for known in ROLES:
        if role == known:
            return known
    raise ConfigError(f"role must be one of {', '.join(ROLES)}, not {role[:40]!r}")
