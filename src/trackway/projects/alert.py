"""Alerts of a project as values: what is watched, who is notified, the present state, and the messages.

Pure, but for the random bits of secrets and ids."""

import re
import secrets
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

from trackway.domain.errors import InvalidInput
from trackway.projects.alert_condition import Condition
from trackway.projects.email_address import is_email
from trackway.projects.limits import ALERT_EMAIL_CHARACTERS_MAX, ALERT_EMAILS_MAX, ALERT_URL_CHARACTERS_MAX
from trackway.projects.saved import Made

Channel = Literal["webhook", "email"]
MessageKind = Literal["firing", "resolved", "test"]
Outcome = Literal["waiting", "delivered", "failed"]

SECRET_PREFIX: Final = "whsec_"  # noqa: S105  # the prefix of Standard Webhooks, no secret
_SECRET_BYTES: Final = 32
_WRITABLE: Final = re.compile(r"[!-~]+")
"""Printable ASCII without spaces: what a request line may hold."""


class Wanted(NamedTuple):
    """What people say about an alert. `emails` may be empty, or `webhook_url` "", but not both. `tells_end`: whether a
    message says that the condition has ended. `link` is the address of the pages of alerts ("" for none)."""

    name: str
    condition: Condition
    webhook_url: str
    emails: Sequence[str]
    tells_end: bool
    link: str


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert and its state. Times are in milliseconds since the epoch.

    `version` grows with each change by people. `since_ms`: since when it is firing or not, None before the first look.
    `watched_from_ms`: when it was made, changed or resumed; what was before is not its matter. `observed` says what the
    last look found, at `looked_at_ms`.
    """

    alert_id: int
    project_id: int
    name: str
    condition: Condition
    webhook_url: str
    emails: tuple[str, ...]
    secret: str = field(repr=False)
    link: str
    tells_end: bool
    is_enabled: bool
    version: int
    watched_from_ms: int
    is_firing: bool
    since_ms: int | None
    looked_at_ms: int | None
    observed: str
    made: Made

    @property
    def channels(self) -> tuple[Channel, ...]:
        """How its messages are sent."""
        found: list[Channel] = []
        if self.webhook_url:
            found.append("webhook")
        if self.emails:
            found.append("email")
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message on one channel. `message_id` is the same in each of its tries, so that a receiver can drop a repeat.
    `detail` says how the last try ended. Times are in milliseconds since the epoch."""

    delivery_id: int
    alert_id: int
    message_id: str
    channel: Channel
    kind: MessageKind
    body: str
    created_at_ms: int
    tries: int
    next_try_ms: int | None
    outcome: Outcome
    detail: str
    ended_at_ms: int | None


def new_secret() -> str:
    """A secret for signatures, in the form of Standard Webhooks: `whsec_` and 32 random bytes as base64."""
    return SECRET_PREFIX + b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def new_message_id() -> str:
    return f"msg_{secrets.token_hex(16)}"


def check_webhook_url(text: str) -> str:
    """The address of a webhook; "" for none. Raises InvalidInput. Where it leads is checked when something is sent."""
    if not text:
        return ""
    if len(text) > ALERT_URL_CHARACTERS_MAX:
        raise InvalidInput(f"webhook must be at most {ALERT_URL_CHARACTERS_MAX} characters")
    if not _WRITABLE.fullmatch(text) or "\\" in text:
        raise InvalidInput("webhook must be a URL of printable ASCII, without spaces and backslashes")
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise InvalidInput("webhook must be a URL such as 'https://hooks.example.com/alerts'")
    if "@" in parts.netloc:
        raise InvalidInput("webhook must not hold a user name or a password: verify the signature instead")
    if "#" in text:
        raise InvalidInput("webhook must not have a fragment, which is never sent")
    return text


def check_emails(text: str) -> tuple[str, ...]:
    """Addresses, separated by commas or white space; () for none. Raises InvalidInput."""
    found = tuple(dict.fromkeys(each for each in re.split(r"[\s,]+", text) if each))
    if len(found) > ALERT_EMAILS_MAX:
        raise InvalidInput(f"e-mail must be at most {ALERT_EMAILS_MAX} addresses")
    for each in found:
        if not is_email(each, ALERT_EMAIL_CHARACTERS_MAX):
            raise InvalidInput(f"e-mail must list addresses such as 'ann@example.com', and {each[:60]!r} is none")
    return found


def check_targets(webhook_url: str, emails: Sequence[str]) -> None:
    """Raise InvalidInput for an alert that notifies nobody."""
    if not webhook_url and not emails:
        raise InvalidInput("an alert needs a webhook or an e-mail address")
