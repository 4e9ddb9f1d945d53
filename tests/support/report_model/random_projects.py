"""Projects of random events around days on which clocks change: what reports must count right, thrown together.

Ids are linked late, events come twice, values have every type, and times lie at the bounds of buckets, at the bounds of
funnels' windows, and upon each other.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from random import Random
from typing import Any, NamedTuple

from tests.support.report_model.clock import DAY, Clock
from tests.support.report_model.sent_events import Sent

NAMES = ("A", "B", "C", "D", "sign up: é", "$page view")
COUNTRIES = ("US", "CA", "us", "", "é", "undefined", "1", 'a "b" \\c', None)
NUMBERS = (0, 1, 1.5, 2, 3, -2, 10, 0.1, 99.99, 2500, 1e3, 1e21, 1e-7, "7", "x", "", True, None, [5], {"a": 1})
MIXED: tuple[Any, ...] = (
    *("1", 1, 1.0, True, "true", False, None, "", 12345678901, "2024-01-31"),
    *([], {}, {"a": None}, [1], ["1", 1, 1.0]),
)
ELEMENTS = ("P1", "P2", "P3", "p1", "", 1, 1.0, 2.5, True, None, {"b": 2}, ["P1"])
PLANS = ("pro", "free", 3, None, ["pro", "free"])
PROPERTIES = ("n", "c", "m", "l", 'an "odd" \\name', "x")
STEPS_MS = (0, 0, 1, 999, 1000, 1999, 2000, 2001, 30_000, 3_600_000, 3_600_001, 24 * 3_600_000, 24 * 3_600_000 - 1)
"""From one event of a person to the next."""
NEAR_MS = (-2001, -1999, -1, 0, 1, 1000, 3_599_999, 1_800_000)
"""From the beginning of a day or hour to an event."""


class RandomProject(NamedTuple):
    """Events in the order in which they are sent, and profiles by the id of their person."""

    clock: Clock
    from_date: date
    to_date: date
    sent: list[Sent]
    profiles: Mapping[str, Mapping[str, Any]]


def random_project(random: Random, clock: Clock, around: date, *, events: int, now_ms: int) -> RandomProject:
    """Events of the days around one, and none after now."""
    today = clock.day(now_ms)
    from_date, to_date = around - random.randint(3, 9) * DAY, min(around + random.randint(3, 9) * DAY, today)
    end_ms = min(clock.start_ms(to_date + 3 * DAY), now_ms)
    sent: list[Sent] = []
    while len(sent) < events:
        sent += _walk(random, clock, from_date, to_date, end_ms, len(sent))
    random.shuffle(sent)
    again = [each._replace(own=_own(random)) if random.random() < 0.5 else each for each in random.choices(sent, k=9)]
    plans = {person: {"plan": random.choice(PLANS)} for person in _PERSONS if random.random() < 0.7}
    return RandomProject(clock, from_date, to_date, sent + again, plans)


_USERS = tuple(f"u{number}" for number in range(5))
_DEVICES = tuple(f"d{number}" for number in range(9))
_PERSONS = (*_USERS, *(f"$device:{device}" for device in _DEVICES), "plain")


_NOBODY = {"distinct_id": ""}


def _walk(random: Random, clock: Clock, from_date: date, to_date: date, end_ms: int, number: int) -> list[Sent]:
    """Some events of one person, each a step after the one before."""
    ids = _ids(random)
    day = from_date + timedelta(days=random.randint(-1, (to_date - from_date).days + 1))
    time_ms = clock.start_ms(day) + random.choice(NEAR_MS) + random.choice((0, random.randrange(24) * 3_600_000))
    sent = []
    for place in range(random.randint(1, 7)):
        event = Sent(random.choice(NAMES), time_ms, f"{number}-{place}", random.choice(ids), _own(random))
        if time_ms < end_ms:
            sent.append(event if random.random() < 0.95 else event._replace(name="$identify", ids=_link(random)))
        time_ms += random.choice(STEPS_MS)
    return sent


def _ids(random: Random) -> list[dict[str, str]]:
    """The ids that a person's events carry: a device, a user, both, or nobody's."""
    user, device = random.choice(_USERS), random.choice(_DEVICES)
    mine = {"$user_id": user, "$device_id": device}
    kinds = [{"distinct_id": user}, {"$user_id": user}, {"$device_id": device}, mine]
    return random.choice([kinds[:2], kinds[2:3], kinds[1:], kinds[2:], [{"distinct_id": "plain"}], [_NOBODY]])


def _link(random: Random) -> dict[str, str]:
    """The ids of an event that does nothing but link them."""
    return {"distinct_id": random.choice(_USERS), "$anon_distinct_id": f"$device:{random.choice(_DEVICES)}"}


def _own(random: Random) -> dict[str, Any]:
    values = {
        "n": random.choice(NUMBERS),
        "c": random.choice(COUNTRIES),
        "m": random.choice(MIXED),
        "l": [random.choice(ELEMENTS) for _ in range(random.randrange(4))],
        'an "odd" \\name': random.choice(COUNTRIES),
    }
    return {name: value for name, value in values.items() if random.random() < 0.75}
