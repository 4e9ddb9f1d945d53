"""Properties that a line of a raw export has besides those that a client sent (protocol §7)."""

from typing import Final

EXACT_TIME: Final = "$mp_api_event_time_ms"
"""The event's time in milliseconds, in a line whose `time` is in seconds. `/import` reads it back."""
ID_BEFORE: Final = "$distinct_id_before_identity"
"""The stored distinct_id of an event, in a line that shows the person's canonical id. `/import` reads it back."""
CONFLICT: Final = "device is linked to another user"
"""`$identity_failure_reason` of an event whose device keeps the user it had before."""
