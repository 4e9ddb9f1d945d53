"""The definition of a cohort as a condition: JSON comes in, in the form that Mixpanel's query SDK sends.

```
{"selector": {"operator": "and", "children": [
    {"property": "user", "value": "plan", "operator": "==", "operand": "pro"},
    {"property": "behaviors", "value": "b0", "operator": ">=", "operand": 3},
    {"property": "cohort", "value": 7, "operator": "not in"},
    "user[\\"age\\"] > 17"]},
 "behaviors": {"b0": {"count": {"event_selector": {"event": "Buy", "selector": "properties[\\"amount\\"] > 50"}},
                      "window": {"unit": "day", "value": 30}}}}
```

A text is an expression: on the profile in `selector`, on the event in `event_selector`. Days are those of the project,
today included; a week has 7 days, a month 30.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from trackway.domain.errors import InvalidInput, RequestError
from trackway.domain.limits import STRING_CHARACTERS_MAX
from trackway.edge.api.reports.bookmarks.cohort_selectors import event_filter, profile_filter
from trackway.edge.api.reports.bookmarks.dates import bookmark_day
from trackway.edge.api.reports.bookmarks.filters import Calendar
from trackway.edge.limits import COHORT_CONDITIONS_MAX, COHORT_DAYS_MAX, COHORT_DEPTH_MAX, COHORT_TIMES_MAX
from trackway.query.expressions import Expression, ExpressionError, parse
from trackway.query.sql.cohort import Condition, Did, Found, Has, Junction, Not
from trackway.query.sql.days import Days

_SIGNS: Final = ("==", "!=", ">=", "<=", ">", "<")
_UNIT_DAYS: Final = {"day": 1, "week": 7, "month": 30}
Definition = Mapping[str, Any]


class Now(NamedTuple):
    """The present moment, in milliseconds since the epoch, and the days of a project."""

    days: Days
    ms: int

    @property
    def today(self) -> date:
        return self.days.day_of(self.ms)


class _Reading:
    """One cohort. `count`: the conditions so far, those of named cohorts included."""

    def __init__(self, now: Now, saved: Callable[[int], Definition]):
        self._now = now
        self._calendar = Calendar(now.days, now.today, now.ms / 1000)
        self._saved = saved
        self._count = 0

    def cohort(self, definition: Definition, path: tuple[int, ...]) -> Condition:
        selector = definition.get("selector")
        if selector is None:
            raise InvalidInput("selector is required: the conditions of the cohort")
        return self._node(selector, _object("behaviors", definition.get("behaviors") or {}), path, 0)

    def _node(self, node: Any, behaviors: Definition, path: tuple[int, ...], depth: int) -> Condition:
        if depth > COHORT_DEPTH_MAX:
            raise InvalidInput(f"selector must not have more than {COHORT_DEPTH_MAX} levels")
        if isinstance(node, Mapping) and "children" in node:
            return self._junction(node, behaviors, path, depth)
        self._count += 1
        if self._count > COHORT_CONDITIONS_MAX:
            raise InvalidInput(f"a cohort must not have more than {COHORT_CONDITIONS_MAX} conditions")
        if isinstance(node, str):
            return Has(self._expression(node))
        match _object("selector", node).get("property"):
            case "user":
                return Has(profile_filter(node, self._calendar))
            case "search":
                return _search(node)
            case "behaviors":
                return self._did(node, behaviors)
            case "cohort":
                return self._of_cohort(node, path)
        raise InvalidInput("property must be user, search, behaviors or cohort in each condition of selector")

    def _junction(self, node: Definition, behaviors: Definition, path: tuple[int, ...], depth: int) -> Condition:
        word, children = node.get("operator"), node["children"]
        if word not in ("and", "or"):
            raise InvalidInput("operator must be and or or where a selector has children")
        if not isinstance(children, list) or not children:
            raise InvalidInput("children must be a list of at least one condition")
        return Junction(word, tuple(self._node(child, behaviors, path, depth + 1) for child in children))

    def _did(self, node: Definition, behaviors: Definition) -> Condition:
        sign, times, name = node.get("operator"), node.get("operand"), node.get("value")
        if sign not in _SIGNS:
            raise InvalidInput(f"operator must be one of {', '.join(_SIGNS)} where a selector counts events")
        if not isinstance(times, int) or isinstance(times, bool) or not 0 <= times <= COHORT_TIMES_MAX:
            raise InvalidInput(f"operand must be a whole number from 0 to {COHORT_TIMES_MAX} where events are counted")
        if not isinstance(name, str) or name not in behaviors:
            raise InvalidInput("value must name one of behaviors")
        behavior = _object("behaviors", behaviors[name])
        count = _object("count", behavior.get("count"))
        if count.get("aggregationOperator") or count.get("property"):
            raise InvalidInput("aggregationOperator is not supported: a cohort counts events")
        chosen = _object("event_selector", count.get("event_selector"))
        event = chosen.get("event")
        if not isinstance(event, str):
            raise InvalidInput("event must be the name of an event")
        where = (
            None
            if chosen.get("selector") is None
            else event_filter(chosen["selector"], self._expression, self._calendar)
        )
        from_ms, before_ms = self._time(behavior)
        return Did(event, from_ms, before_ms, where, sign, times)

    def _expression(self, text: str) -> Expression:
        """In `datetime("…")` a time without a zone is one of the project."""
        try:
            return parse(text, self._now.ms / 1000, lambda local: self._now.days.instants_ms(local)[0])
        except ExpressionError as error:
            raise InvalidInput(f"selector: {error.message}") from error

    def _time(self, behavior: Definition) -> tuple[int, int]:
        """The first instant, and the first after the last."""
        if behavior.get("window") is not None:
            window = _object("window", behavior["window"])
            unit, value = window.get("unit"), window.get("value")
            if not isinstance(unit, str) or unit not in _UNIT_DAYS:
                raise InvalidInput(f"unit of window must be one of {', '.join(_UNIT_DAYS)}")
            days_max = COHORT_DAYS_MAX // _UNIT_DAYS[unit]
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= days_max:
                raise InvalidInput(f"value of window must be a whole number from 1 to {days_max}")
            first = self._now.today - timedelta(days=value * _UNIT_DAYS[unit] - 1)
            return self._now.days.bounds_ms(first, self._now.today)
        first, last = _date("from_date", behavior), _date("to_date", behavior)
        if first > last:
            raise InvalidInput("from_date must not be after to_date")
        return self._now.days.bounds_ms(first, last)

    def _of_cohort(self, node: Definition, path: tuple[int, ...]) -> Condition:
        cohort_id, sign = node.get("value"), node.get("operator")
        if sign not in ("in", "not in"):
            raise InvalidInput("operator must be in or not in where a selector names a cohort")
        if not isinstance(cohort_id, int) or isinstance(cohort_id, bool):
            raise InvalidInput("value must be the id of a cohort")
        if cohort_id in path or len(path) > COHORT_DEPTH_MAX:
            raise InvalidInput(f"cohort {cohort_id} must not refer to itself")
        found = self.cohort(self._saved(cohort_id), (*path, cohort_id))
        return Not(found) if sign == "not in" else found


def read_cohort(
    definition: Definition, now: Now, saved: Callable[[int], Definition], cohort_id: int | None = None
) -> Condition:
    """The condition of a definition. `saved` gives the definition of a cohort by its id, and raises InvalidInput when
    there is none; `cohort_id` is the cohort's own. Raises InvalidInput, naming the field."""
    return _Reading(now, saved).cohort(definition, () if cohort_id is None else (cohort_id,))


def _search(node: Definition) -> Found:
    """A condition of ours, which the page of users saves."""
    text = node.get("operand")
    if node.get("operator") != "in" or not isinstance(text, str) or not 1 <= len(text) <= STRING_CHARACTERS_MAX:
        raise InvalidInput(f"a search needs the operator in, and an operand of 1 to {STRING_CHARACTERS_MAX} characters")
    return Found(text)


def _object(name: str, value: Any) -> Definition:
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{name} must be an object")
    return value


def _date(name: str, behavior: Definition) -> date:
    try:
        return bookmark_day(behavior.get(name), name)
    except RequestError as error:
        raise InvalidInput(f"behaviors need a window, or {name} as yyyy-mm-dd: {error.message}") from error
