"""Random questions about a random project: parameters of every report, also those that rarely come together."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from random import Random
from typing import Any

from tests.support.report_model.random_projects import NAMES, PROPERTIES, RandomProject

TYPES = ("general", "unique", "average")
_CONDITIONS = (
    'properties["n"] > 1',
    'properties["n"] % 2 == 0',
    'properties["c"] == "US"',
    'properties["c"] >= "b"',
    'not defined(properties["c"])',
    'defined(properties["m"])',
    'number(properties["m"]) >= 1',
    'string(properties["m"], "none") == "none"',
    '"P1" in properties["l"]',
    'any(X, properties["l"], X == "P2")',
    'all(X, properties["l"], X != 1)',
    'length(properties["l"]) > 1',
    'properties["an \\"odd\\" \\\\name"] != "CA"',
    'user["plan"] == "pro"',
    'defined(user["plan"])',
    'properties["distinct_id"] == "u1"',
    'event["$name"] in ["A", "B"]',
    'properties["$device_id"] == "d1"',
    'properties["time"] % 2 == 1',
)
_BREAKDOWNS = (
    'properties["c"]',
    'properties["l"]',
    'properties["m"]',
    'properties["n"]',
    'properties["x"]',
    "c",
    'properties["an \\"odd\\" \\\\name"]',
    'user["plan"]',
    'floor(properties["n"] / 10)',
    'string(properties["m"], "none")',
    'properties["n"] > 1',
    'properties["c"] + "!"',
    'properties["distinct_id"]',
    'event["$name"]',
    'event["$time"]',
)
_NUMBERS = ('properties["n"]', 'properties["n"] * 2', 'number(properties["m"])', 'floor(properties["n"])')

Parameters = dict[str, Any]


def question(random: Random, path: str, project: RandomProject) -> Parameters:
    """Parameters for the report at a path."""
    return _QUESTIONS[path](random, project)


def condition(random: Random, project: RandomProject) -> str:
    """A condition of up to three parts."""
    times = tuple(f'event["$time"] {sign} datetime("{_time(random, project)}")' for sign in (">=", "<"))
    parts = [random.choice((*_CONDITIONS, *times)) for _ in range(random.choice((1, 1, 1, 2, 3)))]
    text = random.choice((" and ", " or ")).join(f"({part})" for part in parts)
    return f"not ({text})" if random.random() < 0.2 else text


def _time(random: Random, project: RandomProject) -> str:
    """A time of the project's clocks, perhaps one that they skip."""
    day = project.from_date + timedelta(days=random.randint(0, (project.to_date - project.from_date).days))
    hour = random.choice(("", "T00:00:00", "T00:30:00", "T02:30:00", "T12:00:00", "T00:00:00Z"))
    return f"{day}{hour}"


def _perhaps(random: Random, chance: float, **given: Callable[[], Any]) -> Parameters:
    return {name: value() for name, value in given.items() if random.random() < chance}


def _days(random: Random, project: RandomProject, longest: int = 40) -> Parameters:
    length = min((project.to_date - project.from_date).days, longest - 1)
    days = sorted(random.choices(range(length + 1), k=2))
    begin, end = (project.from_date + timedelta(days=day) for day in days)
    return {"from_date": begin, "to_date": end}


def _event(random: Random) -> str:
    return random.choice((*NAMES, "A", "B", "nothing of the kind"))


def _segmentation(random: Random, project: RandomProject) -> Parameters:
    unit = random.choice(("minute", "hour", "hour", "day", "day", "day", "week", "month"))
    buckets = {"unit": unit} if random.random() < 0.8 else {"interval": random.randint(2, 9)}
    return {
        "event": random.choice((_event(random), "")),
        "type": random.choice(TYPES),
        **_days(random, project, 1 if unit == "minute" else 40),
        **buckets,
        **_perhaps(random, 0.6, on=lambda: random.choice(_BREAKDOWNS)),
        **_perhaps(random, 0.5, where=lambda: condition(random, project)),
        **_perhaps(random, 0.3, limit=lambda: random.randint(1, 5)),
    }


def _multiseg(random: Random, project: RandomProject) -> Parameters:
    return {
        "event": _event(random),
        "type": random.choice(TYPES[:2]),
        "inner": random.choice(_BREAKDOWNS),
        "outer": random.choice(_BREAKDOWNS),
        "unit": random.choice(("hour", "day", "week", "month")),
        **_days(random, project),
        **_perhaps(random, 0.5, limit=lambda: random.randint(1, 5)),
    }


def _numeric(random: Random, project: RandomProject) -> Parameters:
    return {
        "on": random.choice(_NUMBERS),
        "type": random.choice(TYPES),
        **_numbers(random, project),
        **_perhaps(random, 0.5, buckets=lambda: random.randint(2, 12)),
    }


def _sum(random: Random, project: RandomProject) -> Parameters:
    return {"on": random.choice((*_NUMBERS, *_BREAKDOWNS)), **_numbers(random, project)}


def _numbers(random: Random, project: RandomProject) -> Parameters:
    return {
        "event": _event(random),
        "unit": random.choice(("hour", "day")),
        **_days(random, project),
        **_perhaps(random, 0.4, where=lambda: condition(random, project)),
    }


def _events(random: Random, project: RandomProject) -> Parameters:
    names = list(dict.fromkeys(_event(random) for _ in range(random.randint(1, 3))))
    return {"event": names, "type": random.choice(TYPES), **_units(random, project)}


def _properties(random: Random, project: RandomProject) -> Parameters:
    return {
        "event": _event(random),
        "name": random.choice(PROPERTIES),
        "type": random.choice(TYPES),
        **_units(random, project),
        **_perhaps(random, 0.3, limit=lambda: random.randint(1, 5)),
        **_perhaps(random, 0.3, values=lambda: random.sample(["US", "CA", "1", "P1", "undefined", "nowhere"], 2)),
    }


def _units(random: Random, project: RandomProject) -> Parameters:
    """A unit, and days or the number of units up to now."""
    unit = random.choice(("minute", "hour", "day", "week", "month"))
    if random.random() < 0.3:
        return {"unit": unit, "interval": random.randint(1, 4)}
    return {"unit": unit, **_days(random, project, 1 if unit == "minute" else 40)}


def _top(random: Random, project: RandomProject) -> Parameters:
    return {"type": random.choice(TYPES[:2]), **_perhaps(random, 0.5, limit=lambda: random.randint(1, 5))}


def _top_properties(random: Random, project: RandomProject) -> Parameters:
    return {
        **_perhaps(random, 0.5, event=lambda: _event(random)),
        **_perhaps(random, 0.5, limit=lambda: random.randint(1, 5)),
    }


def _values(random: Random, project: RandomProject) -> Parameters:
    return {"name": random.choice(PROPERTIES), **_top_properties(random, project)}


def _retention(random: Random, project: RandomProject) -> Parameters:
    born = {"retention_type": "compounded"}
    if random.random() < 0.6:
        born = {"born_event": _active(random), **_perhaps(random, 0.3, born_where=lambda: condition(random, project))}
    unit = {"unit": random.choice(("day", "week", "month"))}
    count = {"interval_count": random.randint(1, 9)}
    interval = {"interval": random.randint(2, 5)}
    return {
        **born,
        **random.choice((unit | count, interval | count, unit | {"brackets": [1, 2, 5, 9]})),
        **_days(random, project),
        **_perhaps(random, 0.7, event=lambda: _active(random)),
        **_perhaps(random, 0.3, where=lambda: condition(random, project)),
        **_perhaps(random, 0.3, unbounded_retention=lambda: True),
        **_perhaps(random, 0.4, retention_window=lambda: random.choice(("rolling", "calendar"))),
        **_perhaps(random, 0.3, on=lambda: random.choice(_BREAKDOWNS)),
        **_perhaps(random, 0.3, limit=lambda: random.randint(1, 5)),
    }


def _addiction(random: Random, project: RandomProject) -> Parameters:
    return {
        "unit": random.choice(("day", "week", "month")),
        "addiction_unit": random.choice(("hour", "day")),
        **_days(random, project),
        **_perhaps(random, 0.6, event=lambda: _active(random)),
        **_perhaps(random, 0.4, where=lambda: condition(random, project)),
        **_perhaps(random, 0.3, on=lambda: random.choice(_BREAKDOWNS)),
        **_perhaps(random, 0.3, limit=lambda: random.randint(1, 5)),
    }


def _funnels(random: Random, project: RandomProject) -> Parameters:
    steps = [_step(random, project) for _ in range(random.choice((1, 2, 2, 2, 3, 3, 4, 5)))]
    length, length_unit = random.choice(
        ((2, "second"), (30, "second"), (1, "hour"), (1, "day"), (2, "day"), (9, "day"))
    )
    rules: Parameters = _perhaps(random, 0.2, order=lambda: "any", hold_constant=lambda: random.sample(PROPERTIES, 2))
    if "order" not in rules and len(steps) > 1:
        rules |= _perhaps(random, 0.3, exclusions=lambda: [_exclusion(random, len(steps)) for _ in "ab"])
    return {
        "events": steps,
        "length": length,
        "length_unit": length_unit,
        **rules,
        **_days(random, project),
        **random.choice(({}, {"unit": random.choice(("day", "week", "month"))}, {"interval": random.randint(2, 30)})),
        **_perhaps(random, 0.5, count_type=lambda: "general"),
        **_perhaps(random, 0.2, reentry=lambda: "optimized", where=lambda: condition(random, project)),
        **_perhaps(random, 0.3, on=lambda: random.choice(_BREAKDOWNS)),
        **_perhaps(random, 0.3, limit=lambda: random.randint(1, 5)),
    }


def _step(random: Random, project: RandomProject) -> dict[str, str]:
    own = _perhaps(random, 0.2, where=lambda: condition(random, project), label=lambda: "a step")
    return {"event": random.choice(("", *NAMES, *"ABCD")), **own}


def _exclusion(random: Random, steps: int) -> dict[str, Any]:
    begin, end = sorted(random.sample(range(1, steps + 1), 2))
    return {"event": random.choice(NAMES), "steps": {"from": begin, "to": end}}


def _flows(random: Random, project: RandomProject) -> Parameters:
    days = _days(random, project)
    window = random.choice((("day", 1), ("day", 3), ("week", 1), ("session", 1)))
    counts = ("unique", "total", "session") if window[0] == "session" else ("unique", "total")
    some = [name for name in NAMES if random.random() < 0.1]
    asked: dict[str, Any] = {
        "steps": [_anchor(random) for _ in range(random.choice((1, 1, 2, 2, 3)))],
        "date_range": {"type": "between", **{name: day.isoformat() for name, day in days.items()}},
        "count_type": random.choice(counts),
        "cardinality_threshold": random.choice((1, 2, 3, 50)),
        "conversion_window": {"unit": window[0], "value": window[1]},
        "collapse_repeated": random.random() < 0.4,
        "hidden_events": some,
        "exclusions": [random.choice(NAMES)] if random.random() < 0.2 else [],
        "version": 2,
    }
    if random.random() < 0.3:
        asked["filter_by_event"] = {"operator": "and", "children": [_flow_filter(random)]}
    return {"bookmark": asked, "query_type": random.choice(("flows_sankey", "flows_top_paths", "flows"))}


def _anchor(random: Random) -> dict[str, Any]:
    event = random.choice(("$any_event", *NAMES, *"AABB"))
    filters: list[dict[str, Any]] = []
    if random.random() < 0.2:
        of: dict[str, Any] = {"name": "c", "source": "properties", "type": "string"}
        filters = [{"property": of, "type": "string", "filter": {"operator": "==", "operand": ["US"]}}]
    columns = {"forward": random.randrange(4), "reverse": random.randrange(3)}
    return {"event": event, "step_label": event, **columns, "property_filter_params_list": filters}


def _flow_filter(random: Random) -> dict[str, Any]:
    equals = {"propertyName": "c", "filterOperator": "equals", "filterValue": "CA", "filterType": "string"}
    above = {"propertyName": "n", "filterOperator": "is greater than", "filterValue": 1, "filterType": "number"}
    return {"resourceType": "events", **random.choice((equals, above))}


def _active(random: Random) -> str:
    return random.choice(("", "$any_event", *NAMES))


_QUESTIONS: Mapping[str, Callable[[Random, RandomProject], Parameters]] = {
    "segmentation": _segmentation,
    "segmentation/multiseg": _multiseg,
    "segmentation/numeric": _numeric,
    "segmentation/sum": _sum,
    "segmentation/average": _sum,
    "events": _events,
    "events/top": _top,
    "events/names": _top,
    "events/properties": _properties,
    "events/properties/top": _top_properties,
    "events/properties/values": _values,
    "funnels": _funnels,
    "arb_funnels": _flows,
    "retention": _retention,
    "retention/addiction": _addiction,
}
PATHS = tuple(_QUESTIONS)
