"""The endpoints that accept records: each has a path, and a number that the journal and the store keep."""

from enum import IntEnum


class Endpoint(IntEnum):
    """Where a record arrived. The number is stored."""

    TRACK = 1
    IMPORT = 2
    ENGAGE = 3
    GROUPS = 4

    @property
    def path(self) -> str:
        return f"/{self.name.lower()}"

    @property
    def takes_profiles(self) -> bool:
        """Whether its records are profile updates, not events."""
        return self in (Endpoint.ENGAGE, Endpoint.GROUPS)
