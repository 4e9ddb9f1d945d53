"""Facts and newer events, held against the table of events alone."""

import itertools
import json
import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from tests.support.ingest.bodies import ALPHA, PROJECTS, KnownProject, dumps
from tests.support.loader.expected import DAY_US, SECOND_US
from tests.support.loader.story import Place
from tests.support.store.questions import ask
from trackway.compaction.compactor import Compactor
from trackway.domain.endpoint import Endpoint
from trackway.ingest.arrival import Arrival
from trackway.ingest.request import ingest_events
from trackway.ingest.split import split_json
from trackway.query.expressions import readable
from trackway.query.facts_state import facts_of
from trackway.query.sql.events import Events, project_events
from trackway.query.sql.facts import fact_rows
from trackway.query.sql.person import Known
from trackway.query.sql.person_times import Values, has_person_times, person_times
from trackway.query.sql.segments import COUNTS, HOURS, NO_SLOT, SUMS, Facts
from trackway.query.sql.selector import ACTIVITY
from trackway.store.client import Store

Question = TypeVar("Question")

PROJECT = ALPHA.project_id
_HOUR_MS = 3_600_000
PROPERTIES = ("a", "b", "ü 'x'")
NAMES = ("seen", "bought", "$identify")
USERS = ("ann", "bob", "")
DEVICES = ("d1", "d2", "d3")
VALUES: tuple[Any, ...] = (
    *(1, 1.0, "1", 1.5, -0.0, 10**18 + 1, 10**30, "null", None, True, "true", [], [1, "1", 1.5], [None], {}, 'ü"\\/'),
    *(
        {"a": None},
        {"a": 1, "a.b": 2},
        [{"a": 1}],
        [1, True, "x"],
        "2024-01-01",
        [1, 2.5],
        [[1], ["2"]],
        "{",
        1e300,
        "",
    ),
)


_TRUTH = """
SELECT event, toUnixTimestamp64Milli(time), if(distinct_id = '', 0, cityHash64(person)), raws FROM
(
    SELECT event, time, distinct_id, raws, if(user_id = '' AND link.id != '', if(to = '', distinct_id, to), distinct_id)
        AS person
    FROM
    (
        SELECT *, arrayMap(name -> JSONExtractRaw(document, name), {names:Array(String)}) AS raws
        FROM (SELECT *, READABLE AS document FROM events FINAL)
        WHERE project_id = {project:UInt32}
    ) AS entry
    LEFT JOIN
    (
        SELECT id, argMax(canonical_id, rank) AS to FROM identity_links WHERE project_id = {project:UInt32} GROUP BY id
    ) AS link ON entry.distinct_id = link.id
)""".replace("READABLE", readable("properties"))


def truth(store: Store, project_id: int = PROJECT, names: Sequence[str] = PROPERTIES) -> Counter[tuple[Any, ...]]:
    """All events of a project, from the table of events alone, by a statement of the tests' own."""
    rows = store.query(_TRUTH, {"project": project_id, "names": list(names)})
    return Counter((event, time_ms, who, *raws) for event, time_ms, who, raws in rows)


def rows_of_facts(store: Store, project_id: int, facts: Facts, names: Sequence[str]) -> Counter[tuple[Any, ...]]:
    """The same from facts and newer events, for properties with a slot."""
    bound = {f"name_{number}": name for number, name in enumerate(names)}
    properties = {name: f"{{{key}:String}}" for key, name in bound.items()}
    found = fact_rows(project_events(project_id), facts, properties)
    columns = "".join(f", raw_{number}" for number in range(len(names)))
    text = f"SELECT event, toUnixTimestamp64Milli(time), person_number{columns} {found.sql}{found.settings}"
    return Counter(store.query(text, found.parameters | bound | {"project": project_id}))


def counts_of_facts(store: Store, project_id: int, facts: Facts, names: Sequence[str]) -> Counter[tuple[Any, ...]]:
    """Numbers of events by name, hour and the value of one property or none, from counts where there are any."""
    properties = dict.fromkeys(names, "{name:String}")
    found = fact_rows(project_events(project_id), facts, properties, persons=False, derived=COUNTS)
    assert ("FROM facts_counts" in found.sql) == bool(_counted_segments(facts, names))
    key = f"event, intDiv(toUnixTimestamp64Milli(time), 3600000){', raw_0' * len(names)}"
    text = f"SELECT {key}, sum(times) {found.sql} GROUP BY ALL {found.settings}"
    rows = store.query(text, found.parameters | dict.fromkeys(["name"] * len(names), "".join(names)))
    return Counter({tuple(row): int(times) for *row, times in rows})


def times_of_facts(
    store: Store, project_id: int, facts: Facts, events: Events, names: Sequence[str]
) -> Counter[tuple[Any, ...]]:
    """Names, times and persons of events, nobody's left out, from what is kept by person. `names`: all names of events
    that the project has."""
    assert has_person_times(events, Known(True, facts=facts)) == bool(facts.by_person.numbers)
    columns = {f"of_{number}": Values("ms", f"event = '{name}'") for number, name in enumerate(names)}
    found = person_times(events, facts, columns | {"every": Values(), "later": Values("ms + 1")})
    assert "FROM facts_persons" in found.sql
    text = f"SELECT who, every, later, {', '.join(columns)} {found.sql}{found.settings}"
    times: Counter[tuple[Any, ...]] = Counter()
    for who, every, later, *of_names in store.query(text, found.parameters | {"project": project_id}):
        assert sorted(itertools.chain(*of_names)) == sorted(every)
        assert [ms + 1 for ms in every] == list(later)
        times.update((name, ms, who) for name, some in zip(names, of_names, strict=True) for ms in some)
    return times


def _check_times(
    store: Store, project_id: int, facts: Facts, truly: Counter[tuple[Any, ...]], turn: int | None
) -> None:
    """Times by person are those of the events: of all of them, of one name, of every event, and of some days."""
    expected = Counter({each: times for each, times in _columns(truly, 0, 1, 2).items() if each[2]})
    names = sorted({name for name, _, _ in expected})
    some_ms = sorted(time_ms for _, time_ms, _ in expected)
    first_ms, last_ms = some_ms[len(some_ms) // 4], some_ms[len(some_ms) * 3 // 4]
    every = project_events(project_id)
    questions: list[tuple[Events, Callable[[str, int], bool]]] = [
        (every, lambda name, time_ms: True),
        (every.named(["bought"]), lambda name, time_ms: name == "bought"),
        (every.having(key=[ACTIVITY]), lambda name, time_ms: name not in ("$identify", "$create_alias", "$merge")),
        (every.between(first_ms, None), lambda name, time_ms: time_ms >= first_ms),
        (every.named(["seen", "$identify"]).between(first_ms, last_ms), lambda name, time_ms:
            name in ("seen", "$identify") and first_ms <= time_ms < last_ms),
    ]  # fmt: skip
    for events, chosen in [questions[0], *_in_turn(questions[1:], turn)]:
        some = Counter({each: times for each, times in expected.items() if chosen(*each[:2])})
        assert times_of_facts(store, project_id, facts, events, names) == some, events


def _columns(rows: Counter[tuple[Any, ...]], *places: int) -> Counter[tuple[Any, ...]]:
    """How often rows have the same in some columns."""
    found: Counter[tuple[Any, ...]] = Counter()
    for row, times in rows.items():
        found[tuple(row[place] for place in places)] += times
    return found


def _in_turn(questions: Sequence[Question], turn: int | None) -> Sequence[Question]:
    """All, or with a turn one of them."""
    return questions if turn is None or not questions else [questions[turn % len(questions)]]


def _counted_segments(facts: Facts, names: Sequence[str]) -> list[int]:
    return facts.derived_in(COUNTS, facts.slot_of(names[0]) if names else NO_SLOT)


def sums_of_facts(store: Store, project_id: int, facts: Facts, name: str) -> dict[tuple[Any, ...], tuple[int, float]]:
    """Numbers of events and sums of a property's numbers by name and hour, from sums where there are any."""
    found = fact_rows(project_events(project_id), facts, {name: "{name:String}"}, persons=False, derived=SUMS)
    key = "event, intDiv(toUnixTimestamp64Milli(time), 3600000)"
    text = f"SELECT {key}, sum(times), sum(total) {found.sql} GROUP BY ALL {found.settings}"
    rows = store.query(text, found.parameters | {"name": name})
    return {(event, hour): (int(times), float(total)) for event, hour, times, total in rows}


def _check_sums(
    store: Store, project_id: int, facts: Facts, name: str, truly: Counter[tuple[Any, ...]], place: int
) -> None:
    """The same from the events alone, added up without an error."""
    expected: dict[tuple[Any, ...], list[float]] = {}
    for (event, time_ms, raw), times in _columns(truly, 0, 1, place).items():
        value = json.loads(raw) if raw else None
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
        expected.setdefault((event, time_ms // 3_600_000), []).extend([number] * times)
    found = sums_of_facts(store, project_id, facts, name)
    assert found.keys() == expected.keys()
    for key, numbers in expected.items():
        times, total = found[key]
        assert times == len(numbers)
        assert math.isclose(total, math.fsum(numbers), rel_tol=1e-12, abs_tol=1e-9), (key, numbers)


def _check_counts(
    store: Store,
    project_id: int,
    facts: Facts,
    names: Sequence[str],
    truly: Counter[tuple[Any, ...]],
    turn: int | None,
) -> None:
    """Counts, facts without them, and newer events together are the numbers of events."""
    for some in ([], *_in_turn([[name] for name in names], turn)):
        at = [3 + names.index(name) for name in some]
        counted: Counter[tuple[Any, ...]] = Counter()
        for row, times in truly.items():
            counted[row[0], row[1] // 3_600_000, *(row[place] for place in at)] += times
        assert counts_of_facts(store, project_id, facts, some) == counted, some
        for name, place in zip(some, at, strict=True):
            _check_sums(store, project_id, facts, name, truly, place)
            is_counted = len(_counted_segments(facts, [name])) == len(facts.segments)
            if facts.rolled_up(HOURS, facts.slot_of(name)) and not is_counted:
                _check_hours(store, project_id, facts, name, truly, place)


def _check_hours(
    store: Store, project_id: int, facts: Facts, name: str, truly: Counter[tuple[Any, ...]], place: int
) -> None:
    """Hours by value, facts without them, and newer events together are the events: of all time, and of some hours."""
    hours = sorted(time_ms // _HOUR_MS for _, time_ms, *_ in truly)
    first, last = hours[len(hours) // 4], hours[len(hours) * 3 // 4]
    for begin, end in ((None, None), (first, None), (first, last)):
        bounds_ms = [None if hour is None else hour * _HOUR_MS for hour in (begin, end)]
        for by_hour in (True, False):
            some = project_events(project_id).between(*bounds_ms)
            asked = {name: "{name:String}"}
            found = fact_rows(some, facts, asked, persons=False, derived=COUNTS, by_hour=by_hour)
            assert "FROM facts_hours" in found.sql
            hour = f", intDiv(toUnixTimestamp64Milli(time), {_HOUR_MS})" * by_hour
            text = f"SELECT event, raw_0{hour}, sum(times) {found.sql} GROUP BY ALL {found.settings}"
            rows = store.query(text, found.parameters | {"name": name})
            expected: Counter[tuple[Any, ...]] = Counter()
            for row, times in truly.items():
                of_row = row[1] // _HOUR_MS
                if (begin is None or begin <= of_row) and (end is None or of_row < end):
                    expected[row[0], row[place], *[of_row] * by_hour] += times
            assert {tuple(row): int(times) for *row, times in rows} == dict(expected), (begin, end, by_hour)


def check(
    store: Store, project_id: int = PROJECT, names: Sequence[str] = PROPERTIES, *, turn: int | None = None
) -> Facts | None:
    """Facts and newer events are the events. Returns the facts that count, if there are any.

    What costs is the store's analysis of large statements. A test that checks dozens of times gives each check another
    `turn`: of questions that differ in their condition or property alone, it then asks one.
    """
    facts = ask(store, facts_of, project_id)
    if facts is None:
        return None
    known = [name for name in names if facts.has([name])]
    found, expected = rows_of_facts(store, project_id, facts, known), truth(store, project_id, known)
    assert expected
    missing, strange = expected - found, found - expected
    _check_counts(store, project_id, facts, known, expected, turn)
    if facts.by_person.numbers:
        _check_times(store, project_id, facts, expected, turn)
    assert not missing and not strange, "\n".join(map(str, ["missing", *sorted(missing), "strange", *sorted(strange)]))
    return facts


def compactor(place: Place, store: Store) -> Compactor:
    return Compactor(store, place.journal.progress(), _never(), lambda: True)


def compacted(place: Place, store: Store) -> Compactor:
    """A compactor that has nothing left to do."""
    made = compactor(place, store)
    while made.turn():
        pass
    return made


def _never() -> Any:
    import threading  # noqa: PLC0415

    return threading.Event()


class Requests:
    """Random requests, one after the other; times in microseconds after the beginning of a place's journal."""

    def __init__(self, seed: int, began_us: int, project: KnownProject = ALPHA):
        self._random = random.Random(seed)
        self._project = project
        self._after_us = 0
        self._began_us = began_us
        self._sent: list[dict[str, Any]] = []

    def next(self, events: int, *, days_later: float = 0.0) -> bytes:
        """The payload of a request with about so many events. Some repeat earlier ones."""
        self._after_us += int(days_later * DAY_US) + SECOND_US
        received_us = self._began_us + self._after_us
        new = [self._event(received_us // 1000) for _ in range(events)]
        again = self._random.choices(self._sent, k=events // 3) if self._sent else []
        again = [self._changed(each) for each in again]
        self._sent += new
        arrival = Arrival(Endpoint.IMPORT, received_us, PROJECTS.get, project=self._project)
        found = ingest_events(split_json(dumps(new + again)), arrival)
        assert not found.failures, found.failures
        return found.payload

    def _event(self, now_ms: int) -> dict[str, Any]:
        chosen, age_ms = self._random, self._random.choice((0, 1, 3_600_000, 86_400_000 * 40, 86_400_000 * 3))
        properties: dict[str, Any] = {
            "time": now_ms - age_ms,
            "$insert_id": f"id-{len(self._sent)}-{chosen.random()}"[:30],
        }
        properties["$insert_id"] = properties["$insert_id"].replace(".", "")
        properties |= chosen.choice(
            (
                {"$device_id": chosen.choice(DEVICES)},
                {"$device_id": chosen.choice(DEVICES), "$user_id": chosen.choice(USERS)},
                {"distinct_id": chosen.choice(USERS)},
            )
        )
        properties |= {name: chosen.choice(VALUES) for name in PROPERTIES if chosen.random() < 0.7}
        return {"event": chosen.choice(NAMES[:2]), "properties": properties}

    def _changed(self, event: dict[str, Any]) -> dict[str, Any]:
        changed: dict[str, Any] = json.loads(json.dumps(event))
        changed["properties"]["a"] = self._random.choice(VALUES)
        return changed
