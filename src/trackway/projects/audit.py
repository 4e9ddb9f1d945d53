"""The audit: who did what, when, and from which address. This module has its types, without a database.

Only the audit, and sessions while they last, keep addresses: those of people who sign in or change something. An entry
never holds a secret. It never holds an unknown user name either, since people type secrets into the field for names.
"""

from typing import Final, Literal, NamedTuple

Action = Literal[
    "signed in",
    "sign-in refused",
    "signed out",
    "session ended",
    "sessions ended",
    "credentials refused",
    "admin password changed",
    "project created",
    "project described",
    "project archived",
    "project taken up",
    "project deleted",
    "key shown",
    "key replaced",
    "limits changed",
    "identity mode changed",
    "time zone changed",
    "week start changed",
    "event retention changed",
    "profile retention changed",
    "default retention confirmed",
    "clock confirmed",
    "account created",
    "account secret replaced",
    "account revoked",
    "role given",
    "role taken",
    "person invited",
    "invitation revoked",
    "person joined",
    "password reset asked",
    "password reset",
    "password changed",
    "name changed",
    "account disabled",
    "account enabled",
    "second factor turned on",
    "second factor turned off",
    "second factor taken away",
    "recovery code used",
    "address proved by the provider",
    "id unlinked",
    "lookup table created",
    "lookup table replaced",
    "lookup table deleted",
    "lookup table mapped",
    "lookup table unmapped",
    "records replayed",
    "facts rebuilt",
    "sql asked",
    "report saved",
    "report changed",
    "report deleted",
    "dashboard saved",
    "dashboard changed",
    "dashboard deleted",
    "link shared",
    "link revoked",
    "cohort saved",
    "cohort changed",
    "cohort deleted",
    "annotation saved",
    "annotation changed",
    "annotation deleted",
    "tag saved",
    "alert created",
    "alert changed",
    "alert paused",
    "alert resumed",
    "alert tested",
    "alert secret replaced",
    "alert deleted",
    "person erasure asked",
    "person erasure cancelled",
    "person export asked",
]
REFUSALS: Final[tuple[Action, ...]] = ("sign-in refused", "credentials refused")
"""Actions that are counted by name and address. They have no entry each."""
SESSIONS: Final[tuple[Action, ...]] = (
    "signed in",
    "sign-in refused",
    "signed out",
    "session ended",
    "sessions ended",
    "credentials refused",
    "password changed",
    "password reset",
    "name changed",
    "second factor turned on",
    "second factor turned off",
    "recovery code used",
    "address proved by the provider",
)
"""Actions of an account. They belong to no single project."""

ADMIN: Final = "admin"
UNKNOWN: Final = ""
"""The author's name when a client gave an unknown user name."""


class Author(NamedTuple):
    """The name of a person or program, and the address of its client ("" for a command beside the server)."""

    name: str
    address: str = ""


SERVER: Final = Author("the server")
"""The author of changes that the server makes itself, such as the project of a first start."""


class Note(NamedTuple):
    """An action, its project, and its subject: an account, a limit and its value, a table."""

    action: Action
    project_id: int | None = None
    subject: str = ""


class Entry(NamedTuple):
    """A stored note. It happened `times` times, from `time_ms` to `last_ms`: once, except for refusals."""

    entry_id: int
    time_ms: int
    last_ms: int
    times: int
    name: str
    address: str
    action: str
    project_id: int | None
    subject: str
