"""The two modes in which a project decides which ids are one person (protocol §6).

simplified: a device belongs to the first user whose id arrived in one event with the device's id. original: only
`$identify`, `$create_alias` and `$merge` link ids. A project never changes its mode.
"""

from typing import Final, Literal

IdentityMode = Literal["simplified", "original"]

SIMPLIFIED: Final[IdentityMode] = "simplified"
ORIGINAL: Final[IdentityMode] = "original"
IDENTITY_MODES: Final[tuple[IdentityMode, ...]] = (SIMPLIFIED, ORIGINAL)

DEVICE_PREFIX: Final = "$device:"
"""The distinct_id of a device that belongs to no user yet begins with this."""
