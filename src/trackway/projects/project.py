"""One project: what its rows in the database say, as a value.

It arrives from a row and leaves as a frozen object that every request of the project shares. Token and secret are kept
out of `repr`, so that neither reaches a log or a traceback by accident.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from trackway.errors import ConfigError
from trackway.residency import REGIONS, Region
from trackway.settings import ROWS_BY_NAME, did_you_mean

NAME_CHARACTERS_MAX: Final = 255
KEY_HEX_DIGITS: Final = 32
"""Length of a token and of a secret: 128 random bits in hexadecimal."""
PROJECT_SETTINGS: Final = ("import_requests_per_hour", "export_requests_per_hour", "export_concurrent_max")
"""The server's settings that a project may have its own value of."""


KeyKind = Literal["token", "secret"]
KEY_KINDS: Final[tuple[KeyKind, ...]] = ("token", "secret")


@dataclass(frozen=True, slots=True)
class OldKey:
    """A key that was replaced, and is valid until its end (Unix time)."""

    kind: KeyKind
    key: str = field(repr=False)
    until_ms: int


@dataclass(frozen=True, slots=True)
class Project:
    """A project. `settings` holds only what differs from the server's settings; `created_at_ms` is Unix time.

    `old_keys` are in the order of their end, some of which may have come.
    """

    project_id: int
    name: str
    token: str = field(repr=False)
    secret: str = field(repr=False)
    region: Region
    created_at_ms: int
    settings: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    old_keys: tuple[OldKey, ...] = ()

    def setting(self, name: str, default: int) -> int:
        """The project's own value of one of PROJECT_SETTINGS, else the server's, which is given as `default`."""
        return self.settings.get(name, default)


def check_name(name: str) -> str:
    """The name, or ConfigError: 1 to 255 printable characters, no blank at either end."""
    if not 1 <= len(name) <= NAME_CHARACTERS_MAX:
        raise ConfigError(f"project name must be 1 to {NAME_CHARACTERS_MAX} characters, not {len(name)}")
    if not name.isprintable() or name != name.strip():
        raise ConfigError(f"project name must be printable and not begin or end with a blank: {name!r}")
    return name


def check_region(region: str) -> Region:
    """The region, or ConfigError."""
    for known in REGIONS:
        if region == known:
            return known
    raise ConfigError(f"region must be one of {', '.join(REGIONS)}, not {region!r}")


def check_settings(settings: Mapping[str, int]) -> dict[str, int]:
    """The project's own settings, or ConfigError for an unknown name or a value outside the setting's bounds."""
    for name, value in settings.items():
        if name not in PROJECT_SETTINGS:
            near = did_you_mean(name, list(PROJECT_SETTINGS))
            raise ConfigError(f"a project has no setting {name!r}{near or '; it has ' + ', '.join(PROJECT_SETTINGS)}")
        row = ROWS_BY_NAME[name]
        if row.lowest is None or row.highest is None or not row.lowest <= value <= row.highest:
            raise ConfigError(f"{name} must be {row.values}, not {value}")
    return dict(settings)
