"""One account: the content of its rows in the database, as a value.

It has a user name, the hash of its secret, and its role in each of its projects. A service account is a program's. A
personal account is a person's: its user name is an e-mail address, and its secret a password. `repr` leaves the hash
out, so that it reaches no log or traceback by accident.
"""

import re
import secrets
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from types import MappingProxyType
from typing import Any, Final

from trackway.domain.errors import InvalidInput, StorageError
from trackway.projects.limits import ACCOUNT_NAME_CHARACTERS_MAX
from trackway.projects.roles import Role, check_role

_SUFFIX: Final = "mp-service-account"
"""Suffix of every user name, as at Mixpanel, so that people and tools recognize one."""
_OTHER: Final = re.compile(r"[^A-Za-z0-9_-]+")
_EXPIRES_MS_MAX: Final = 253_402_300_799_000
"""The end of the year 9999: the last moment that an RFC 3339 time can express."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account. `roles` are by project id. `creator` is an account's id, None for the command line. `person_name` is
    None for a service account. A personal account expires when somebody disables it. `signed_out_ms` changes when all
    of its sessions are ended. `proved_at_ms` is when a provider of OpenID Connect first proved its address. It may have
    a second factor."""

    account_id: int
    username: str
    secret_hash: str = field(repr=False)
    created_at_ms: int
    expires_at_ms: int | None
    creator: int | None
    roles: Mapping[int, Role] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    person_name: str | None = None
    signed_out_ms: int | None = None
    proved_at_ms: int | None = None
    has_second_factor: bool = False

    @property
    def is_person(self) -> bool:
        return self.person_name is not None

    def expired(self, now_ms: float) -> bool:
        return self.expires_at_ms is not None and now_ms >= self.expires_at_ms


def check_name(name: str) -> str:
    """The part of a descriptive name that a user name keeps. Raises InvalidInput."""
    if not 1 <= len(name) <= ACCOUNT_NAME_CHARACTERS_MAX:
        raise InvalidInput(
            f"service account name must be 1 to {ACCOUNT_NAME_CHARACTERS_MAX} characters, not {len(name)}"
        )
    words = _OTHER.sub("-", name).strip("-")
    if not words:
        raise InvalidInput(f"service account name must have a letter or digit of ascii: {name!r}")
    return words


def new_username(words: str, taken: Container[str]) -> str:
    """A user name that is not taken, as in `nightly-import.3fa94c.mp-service-account`."""
    while True:
        username = f"{words}.{secrets.token_hex(3)}.{_SUFFIX}"
        if username not in taken:
            return username


def check_expiry(expires_at_ms: int | None, now_ms: float) -> int | None:
    """The time of expiry. Raises InvalidInput when it has passed."""
    if expires_at_ms is not None and not now_ms < expires_at_ms <= _EXPIRES_MS_MAX:
        raise InvalidInput("expires must lie in the future, before the year 10000")
    return expires_at_ms


def accounts_of(rows: Iterable[Sequence[Any]]) -> list[Account]:
    """Accounts from rows (account_id, username, secret_hash, created_at_ms, expires_at_ms, creator, person_name,
    signed_out_ms, proved_at_ms, has_second_factor, project_id, role).

    The rows are in the order of accounts. Each membership has one. An account without any has one with nulls.

    Raises StorageError for a row that this version cannot have written.
    """
    try:
        return [_account(list(group)) for _, group in groupby(rows, key=lambda row: row[0])]
    except (InvalidInput, ValueError, TypeError) as error:
        raise StorageError(f"projects database holds an account that cannot be read: {error}") from error


def _account(rows: Sequence[Sequence[Any]]) -> Account:
    roles = {project_id: check_role(role) for *_, project_id, role in rows if project_id is not None}
    account_id, username, secret_hash, created_at_ms, expires_at_ms, creator, *of_person = rows[0][:10]
    own = MappingProxyType(roles)
    person_name, signed_out_ms, proved_at_ms, has_factor = of_person
    return Account(
        account_id, username, secret_hash, created_at_ms, expires_at_ms, creator, own, person_name, signed_out_ms,
        proved_at_ms, bool(has_factor),
    )  # fmt: skip
