"""One project: the content of its rows in the database, as a value.

A row arrives. A frozen object leaves, and all requests of the project share it. `repr` leaves token and secret out, so
that neither reaches a log or a traceback by accident.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from trackway.domain.choice import chosen
from trackway.domain.data_age import FOREVER, check_retention
from trackway.domain.errors import InvalidInput
from trackway.domain.identity_mode import IDENTITY_MODES, SIMPLIFIED, IdentityMode
from trackway.domain.region import REGIONS, Region
from trackway.domain.time_zone import MONDAY, UTC_NAME, WeekStart
from trackway.projects.limits import PROJECT_DESCRIPTION_CHARACTERS_MAX, PROJECT_NAME_CHARACTERS_MAX
from trackway.settings.table import ROWS_BY_NAME, did_you_mean

KEY_HEX_DIGITS: Final = 32
"""Length of a token and of a secret: 128 random bits in hexadecimal."""
PROJECT_SETTINGS: Final = (
    "import_requests_per_hour",
    "export_requests_per_hour",
    "export_concurrent_max",
    "report_requests_per_hour",
    "report_concurrent_max",
    "ingest_records_per_minute",
    "ingest_bytes_per_minute",
    "lookup_replacements_per_day",
)
"""The server's settings that a project may override."""

EVENT_RETENTION: Final = "event_retention"
PROFILE_RETENTION: Final = "profile_retention"
RETENTIONS: Final = (EVENT_RETENTION, PROFILE_RETENTION)
"""How long a project keeps its events and its profiles, in days (`domain.data_age`)."""


KeyKind = Literal["token", "secret"]
KEY_KINDS: Final[tuple[KeyKind, ...]] = ("token", "secret")


@dataclass(frozen=True, slots=True)
class OldKey:
    """A replaced key, valid until its end (Unix time)."""

    kind: KeyKind
    key: str = field(repr=False)
    until_ms: int


@dataclass(frozen=True, slots=True)
class Project:
    """A project. `settings` holds only overrides of the server's settings. `created_at_ms` is Unix time.

    `old_keys` are in the order of their end, which may have passed. `identity_mode` is how ids are linked (protocol
    §6). `time_zone` is a name of the IANA database: pages show times and days in it. `archived_at_ms` is Unix time.
    `event_retention` and `profile_retention` are days or FOREVER; None is what the server says, for profiles FOREVER.
    """

    project_id: int
    name: str
    token: str = field(repr=False)
    secret: str = field(repr=False)
    region: Region
    created_at_ms: int
    settings: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    identity_mode: IdentityMode = SIMPLIFIED
    old_keys: tuple[OldKey, ...] = ()
    time_zone: str = UTC_NAME
    week_start: WeekStart = MONDAY
    description: str = ""
    archived_at_ms: int | None = None
    event_retention: int | None = None
    profile_retention: int | None = None

    @property
    def is_archived(self) -> bool:
        """Whether the project takes nothing any more, and is only read."""
        return self.archived_at_ms is not None

    def setting(self, name: str, default: int) -> int:
        """The project's own value of one of PROJECT_SETTINGS, else `default`, which is the server's."""
        return self.settings.get(name, default)

    def kept_event_days(self, default: int) -> int:
        """For how many days events are kept, or FOREVER. `default` is what the server says."""
        return default if self.event_retention is None else self.event_retention

    @property
    def kept_profile_days(self) -> int:
        """For how many days a profile is kept after it was last seen or changed, or FOREVER."""
        return FOREVER if self.profile_retention is None else self.profile_retention


def check_name(name: str) -> str:
    """The name: 1 to 255 printable characters, no blank at either end. Raises InvalidInput."""
    if not 1 <= len(name) <= PROJECT_NAME_CHARACTERS_MAX:
        raise InvalidInput(f"project name must be 1 to {PROJECT_NAME_CHARACTERS_MAX} characters, not {len(name)}")
    if not name.isprintable() or name != name.strip():
        raise InvalidInput(f"project name must be printable and not begin or end with a blank: {name!r}")
    return name


def check_project_description(text: str) -> str:
    """The description. Raises InvalidInput."""
    if len(text) > PROJECT_DESCRIPTION_CHARACTERS_MAX or "\0" in text:
        raise InvalidInput(f"description must be at most {PROJECT_DESCRIPTION_CHARACTERS_MAX} characters, without NUL")
    return text


def check_region(region: str) -> Region:
    """The region. Raises InvalidInput."""
    return chosen(region, REGIONS, "region")


def check_identity_mode(mode: str) -> IdentityMode:
    """The mode. Raises InvalidInput."""
    return chosen(mode, IDENTITY_MODES, "identity mode")


def check_retentions(kept: Mapping[str, int | None]) -> dict[str, int | None]:
    """Values of RETENTIONS by name, None for what the server says. Raises InvalidInput."""
    assert set(kept) <= set(RETENTIONS), kept
    return {name: None if days is None else check_retention(days, name) for name, days in kept.items()}


def check_settings(settings: Mapping[str, int]) -> dict[str, int]:
    """The project's own settings. Raises InvalidInput for an unknown name or a value outside the setting's bounds."""
    for name, value in settings.items():
        if name not in PROJECT_SETTINGS:
            near = did_you_mean(name, list(PROJECT_SETTINGS))
            raise InvalidInput(f"a project has no setting {name!r}{near or '; it has ' + ', '.join(PROJECT_SETTINGS)}")
        row = ROWS_BY_NAME[name]
        if row.lowest is None or row.highest is None or not row.lowest <= value <= row.highest:
            raise InvalidInput(f"{name} must be {row.values}, not {value}")
    return dict(settings)
