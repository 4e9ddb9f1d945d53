"""A project's events as its reports see them: each once, with its person, its time and its properties."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache

from tests.support.report_model.clock import Clock
from trackway.query.expressions import Expression, Moment, Property, Row, Value, evaluate, parse
from trackway.query.expressions.values import number_text

NO_PERSON = ""
UTC = Clock()
UNDEFINED_KEY = "undefined"
OVERALL = "$overall"
"""The key of all events beside the values of a breakdown, in reports of users."""
LINKING = ("$identify", "$create_alias", "$merge")
"""Events that ask for links. They are nobody's activity, so they are no part of "any event"."""
ANY_EVENT = ("", "$any_event")


@dataclass(frozen=True, eq=False)
class Event:
    """An event. `person` is the canonical id, NO_PERSON for an event of nobody; `number` orders events of one time."""

    name: str
    time_ms: int
    person: str
    properties: Mapping[str, Value] = field(default_factory=dict)
    number: int = 0

    @property
    def place(self) -> tuple[int, int]:
        return self.time_ms, self.number


@dataclass(frozen=True)
class ProjectEvents:
    """All events of a project, its clocks, the time at which reports are asked, and its users' profiles."""

    events: Sequence[Event]
    clock: Clock = UTC
    now_ms: int = 0
    profiles: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)

    @property
    def today(self) -> date:
        return self.clock.day(self.now_ms)

    def named(self, name: str) -> list[Event]:
        """The events of a name; none or `$any_event` is every event but those that ask for links."""
        if name in ANY_EVENT:
            return [event for event in self.events if event.name not in LINKING]
        return [event for event in self.events if event.name == name]

    def matching(self, name: str, where: str | None = None) -> list[Event]:
        """The events of a name that meet a condition."""
        return [event for event in self.named(name) if self.meets(event, where)]

    def meets(self, event: Event, where: str | None) -> bool:
        return not where or self.value(event, where) is True

    def value(self, event: Event, expression: str) -> Value:
        """The value of an expression for an event."""
        properties = {**event.properties, "distinct_id": event.person, "$distinct_id": event.person}
        user = self.profiles.get(event.person, {})
        return evaluate(_parsed(expression, self.clock), Row(properties, user, Moment(event.time_ms), event.name))

    def keys(self, event: Event, expression: str) -> list[str]:
        """The values under which an event counts in a breakdown, each once: a list counts under each element."""
        return self.keys_there(event, expression, absent=UNDEFINED_KEY)

    def keys_there(self, event: Event, expression: str, absent: str | None = None) -> list[str]:
        """The same; `absent` is the key of what has no text, None for no key."""
        value = self.value(event, expression)
        if isinstance(value, Sequence) and not isinstance(value, str | Moment) and value:
            found = list(map(_element_key, value))
        else:
            found = [_key(value)]
        keys = (absent if key is None else key for key in found)
        return list(dict.fromkeys(key for key in keys if key is not None))


@cache
def _parsed(text: str, clock: Clock) -> Expression:
    """The expression; a property's name alone stands for its value."""
    if text.isidentifier():
        return Property(1, False, text)
    return parse(text, clock=clock.instant_ms)


def users(events: Iterable[Event]) -> set[str]:
    """The different persons of some events."""
    return {event.person for event in events} - {NO_PERSON}


def property_of(name: str) -> str:
    """The expression that refers to a property."""
    return f"properties[{json.dumps(name)}]"


def _key(value: Value) -> str | None:
    """A value's text, if it has one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = number_text(value) if isinstance(value, float) else value
    return text if isinstance(text, str) else None


def _element_key(value: Value) -> str | None:
    """The same for an element of a list; one that is a list or an object counts under its JSON."""
    nested = isinstance(value, Sequence | Mapping) and not isinstance(value, str | Moment)
    return _json(value) if nested else _key(value)


def _json(value: Value) -> str:
    if isinstance(value, str) or value is None:
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_json(name)}:{_json(member)}" for name, member in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, Moment):
        return "[" + ",".join(map(_json, value)) + "]"
    text = _key(value)
    assert text is not None, "of JSON"
    return text
