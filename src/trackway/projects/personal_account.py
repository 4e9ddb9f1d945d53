"""What a person may choose for an account, and the links that open one. Pure, but for the time of a link.

The e-mail address is the user name. It is kept in lower case, so that it is unique without regard to case.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from trackway.domain.errors import InvalidInput
from trackway.projects.email_address import is_email
from trackway.projects.limits import (
    PERSON_NAME_CHARACTERS_MAX,
    PERSON_PASSWORD_BYTES_MAX,
    PERSON_PASSWORD_CHARACTERS_MIN,
    USERNAME_CHARACTERS_MAX,
)
from trackway.projects.roles import Role

Purpose = Literal["invitation", "reset"]


@dataclass(frozen=True, slots=True)
class AccountLink:
    """A link that opens an account: an invitation, which gives `roles` by project id, or one that sets a new password.

    It is valid until `expires_at_ms`, once, and as long as its creator may give those roles. `creator_id` is an
    account's, None for the admin and the command line.
    """

    link_id: int
    purpose: Purpose
    email: str
    roles: Mapping[int, Role]
    token_hash: str = field(repr=False)
    expires_at_ms: int
    created_at_ms: int
    creator_id: int | None
    creator_name: str


def check_email(text: str) -> str:
    """The address as it is kept. Raises InvalidInput."""
    email = text.strip().lower()
    if not is_email(email, USERNAME_CHARACTERS_MAX):
        raise InvalidInput(
            f"e-mail must be an address such as 'ann@example.com', of at most {USERNAME_CHARACTERS_MAX} characters"
        )
    return email


def username_of(text: str) -> str:
    """The user name that somebody means who signs in: an e-mail address without regard to case, others as they are."""
    name = text.strip()
    return name.lower() if "@" in name and name.isascii() else name


def check_person_name(text: str) -> str:
    """Raises InvalidInput."""
    name = text.strip()
    if not 1 <= len(name) <= PERSON_NAME_CHARACTERS_MAX or not name.isprintable():
        raise InvalidInput(f"name must be 1 to {PERSON_NAME_CHARACTERS_MAX} printable characters")
    return name


def check_password(text: str) -> str:
    """The password as it is. Raises InvalidInput, which does not repeat it."""
    if len(text) < PERSON_PASSWORD_CHARACTERS_MIN:
        raise InvalidInput(f"password must be at least {PERSON_PASSWORD_CHARACTERS_MIN} characters")
    if len(text.encode()) > PERSON_PASSWORD_BYTES_MAX:
        raise InvalidInput(f"password must be at most {PERSON_PASSWORD_BYTES_MAX} bytes")
    return text


RESET: Final[Purpose] = "reset"
INVITATION: Final[Purpose] = "invitation"
