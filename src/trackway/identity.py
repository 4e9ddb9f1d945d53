"""The two ways in which a project tells that several ids are one person (protocol §6).

simplified: a device belongs to the first user whose id came together with its own. original: ids are what the client
says, and only `$identify`, `$create_alias` and `$merge` link them. A project has one of them for good.
"""

from typing import Final, Literal

IdentityMode = Literal["simplified", "original"]

SIMPLIFIED: Final[IdentityMode] = "simplified"
ORIGINAL: Final[IdentityMode] = "original"
IDENTITY_MODES: Final[tuple[IdentityMode, ...]] = (SIMPLIFIED, ORIGINAL)
