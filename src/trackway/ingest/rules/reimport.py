"""Properties of an exported line that let `/import` restore the same event.

Beyond the dedup window two events are the same if name, time, distinct_id and `$insert_id` are. An exported line has
its time in seconds and its person under the canonical id. So it also holds the milliseconds and the stored id. Both are
read back and never stored. If the line's time was changed after the export, the changed time counts. Pure.
"""

from typing import Final

import msgspec

from trackway.domain.export_properties import EXACT_TIME, ID_BEFORE
from trackway.ingest.outcome import Rejected
from trackway.ingest.raw_fields import Members, look, take
from trackway.ingest.rules import ids, times

READ_BACK: Final = frozenset((EXACT_TIME, ID_BEFORE))


def put_back(members: Members) -> None:
    """Restore the members of the event as it was sent. A value that no export writes is dropped."""
    if EXACT_TIME in members:
        _put_back_time(members)
    if ID_BEFORE in members:
        _put_back_id(members)


def _put_back_time(members: Members) -> None:
    """Add the milliseconds to a time in whole seconds, if they belong to that second."""
    exact_ms, time_ms = take(members, EXACT_TIME), times.time_ms(look(members, "time"))
    if type(exact_ms) is float and exact_ms.is_integer():
        exact_ms = int(exact_ms)
    if type(exact_ms) is int and not isinstance(time_ms, Rejected) and time_ms == exact_ms // 1000 * 1000:
        members["time"] = msgspec.Raw(b"%d" % exact_ms)


def _put_back_id(members: Members) -> None:
    """Replace the canonical id by the stored one."""
    raw, before = members[ID_BEFORE], take(members, ID_BEFORE)
    text = None if before is None else ids.id_text(before, ID_BEFORE)
    if text and not isinstance(text, Rejected):
        members["distinct_id"] = raw
