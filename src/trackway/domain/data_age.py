"""How long a project keeps its events and its profiles, in whole days of its time zone.

A retention of n days keeps today and the n days before it. So everything is kept for n times 24 hours at least. The
edge, the store's queries and what deletes ask the same pure function for the first instant that is kept.
"""

import re
from datetime import timedelta
from functools import lru_cache
from typing import Final

from trackway.domain.day_start import day_start_ms, local_time
from trackway.domain.errors import InvalidInput
from trackway.domain.limits import RETENTION_DAYS_MAX
from trackway.domain.time_zone import zone_of

FOREVER: Final = 0
"""The days of a retention that deletes nothing."""
FOREVER_WORD: Final = "forever"
SERVERS_WORD: Final = "default"
"""Given for the retention that the server's settings say."""
_DAYS: Final = re.compile(r"[1-9][0-9]{0,4}")


def check_retention(days: int, name: str) -> int:
    """The days, or FOREVER. Raises InvalidInput, which names the setting."""
    if not FOREVER <= days <= RETENTION_DAYS_MAX:
        raise _wrong(name, str(days))
    return days


def read_retention(text: str, name: str) -> int:
    """The days of `30`, FOREVER of `forever`. Raises InvalidInput, which names the setting."""
    word = text.strip().lower()
    if word == FOREVER_WORD:
        return FOREVER
    if not _DAYS.fullmatch(word):
        raise _wrong(name, repr(text[:40]))
    return check_retention(int(word), name)


def retention_text(days: int) -> str:
    """What `read_retention` reads."""
    return str(days) if days else FOREVER_WORD


def shown_retention(days: int | None) -> int | str | None:
    """As JSON has it: days, `forever`, or null for what the server says."""
    return days or (None if days is None else FOREVER_WORD)


def in_days(days: int) -> str:
    """As a sentence says it: `forever`, `1 day`, `30 days`."""
    return "1 day" if days == 1 else f"{days} days" if days else FOREVER_WORD


def is_shorter(days: int, than: int) -> bool:
    """Whether a retention deletes what another one keeps."""
    return days != FOREVER and (than == FOREVER or days < than)


def first_kept_ms(days: int, time_zone: str, now_ms: int) -> int:
    """The first instant that is kept, in milliseconds since the epoch; 0 where all is."""
    return 0 if days == FOREVER else _first_kept_ms(days, time_zone, now_ms // 1000)


def next_day_ms(time_zone: str, now_ms: int) -> int:
    """When the next day of a time zone begins, in milliseconds since the epoch."""
    zone = zone_of(time_zone).key
    day = local_time(zone, now_ms).date()
    while (start_ms := day_start_ms(zone, day)) <= now_ms:  # some zone has a day without length
        day += timedelta(days=1)
    return start_ms


@lru_cache(maxsize=1024)  # an edge process asks for each event
def _first_kept_ms(days: int, time_zone: str, now_s: int) -> int:
    zone = zone_of(time_zone).key
    today = local_time(zone, 1000 * now_s).date()
    return max(day_start_ms(zone, today - timedelta(days=days)), 0)


def _wrong(name: str, given: str) -> InvalidInput:
    return InvalidInput(f"{name} must be 1 to {RETENTION_DAYS_MAX} days, or {FOREVER_WORD}, not {given}")
