"""The time zone and the week start of a project: the names there are, and the error for a name there is not.

Names are those of the IANA time zone database that Python and the store both know. Python's list is the package
`tzdata`, which every install has, so the list does not depend on the machine. A test compares it with the store's
`system.time_zones`; nothing asks the store when a name is checked.
"""

from functools import cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

from trackway.domain.choice import chosen
from trackway.domain.errors import InvalidInput
from trackway.domain.limits import TIME_ZONE_CHARACTERS_MAX, TIME_ZONES_SUGGESTED_MAX

WeekStart = Literal["monday", "sunday"]

UTC_NAME: Final = "UTC"
MONDAY: Final[WeekStart] = "monday"
WEEK_STARTS: Final[tuple[WeekStart, ...]] = (MONDAY, "sunday")
NOT_IN_THE_STORE: Final = frozenset({"America/Coyhaique"})
"""Zones of Python that the store does not have yet; this one was added to the database in 2025."""
_ALMOST_EQUAL: Final = 0.9
"""A name this similar (0 to 1) is suggested without others: it is a typing error."""


@cache
def time_zones() -> frozenset[str]:
    """Every name that a project may have."""
    from importlib.resources import files  # noqa: PLC0415  # 10 ms that ingestion does without

    return frozenset(files("tzdata").joinpath("zones").read_text("ascii").split()) - NOT_IN_THE_STORE


def check_time_zone(name: str) -> str:
    """The name, or InvalidInput with names that are near."""
    if name in time_zones():
        return name
    if name in NOT_IN_THE_STORE:
        raise InvalidInput(f"the store does not know the time zone {name} yet")
    raise InvalidInput(
        "time zone must be a name of the IANA time zone database, such as America/New_York,"
        f" not {name[:TIME_ZONE_CHARACTERS_MAX]!r}{_did_you_mean(name)}"
    )


def check_week_start(day: str) -> WeekStart:
    """The day, or InvalidInput."""
    return chosen(day, WEEK_STARTS, "week start")


def zone_of(name: str) -> ZoneInfo:
    """The zone of that name. UTC where this version does not know the name, as after a return to an older one: the key
    of the zone then says so."""
    return ZoneInfo(name if name in time_zones() else UTC_NAME)


def near_time_zones(name: str) -> list[str]:
    """Names that somebody may have meant, the nearest first: by the whole name, or by its city alone, in any case."""
    from difflib import SequenceMatcher, get_close_matches  # noqa: PLC0415  # only on the way to an error

    if not 0 < len(name) <= TIME_ZONE_CHARACTERS_MAX:
        return []
    given = name.casefold().replace(" ", "_")
    names: dict[str, list[str]] = {}
    for known in sorted(time_zones()):
        # The signs of Etc/GMT+2 and its like are the opposite of what people write: never suggested.
        if not known.startswith("Etc/"):
            for key in {known.casefold(), known.rpartition("/")[2].casefold()}:
                names.setdefault(key, []).append(known)
    close = get_close_matches(given, names, n=TIME_ZONES_SUGGESTED_MAX)
    if close and SequenceMatcher(None, close[0], given).ratio() >= _ALMOST_EQUAL:
        close = close[:1]
    return list(dict.fromkeys(known for key in close for known in names[key]))[:TIME_ZONES_SUGGESTED_MAX]


def _did_you_mean(name: str) -> str:
    near = near_time_zones(name)
    return f"; did you mean {' or '.join(near)}?" if near else ""
