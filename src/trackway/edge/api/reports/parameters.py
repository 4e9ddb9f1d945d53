"""The parameters that several reports share: dates, units, expressions, limits.

Every reader raises RequestError 400 naming the parameter. Days are those of the project.
"""

import re
import time
from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Final, TypeVar

from trackway.domain.errors import RequestError
from trackway.edge.limits import REPORT_BUCKETS_MAX, SERIES_MAX
from trackway.edge.wire.parameters import Parameters, required_day, strings, whole_number
from trackway.projects.project import Project
from trackway.query.expressions import Expression, ExpressionError, Property, parse
from trackway.query.sql.buckets import Buckets, latest
from trackway.query.sql.days import Days, Unit
from trackway.query.sql.selector import ANY_EVENT

Choice = TypeVar("Choice", bound=StrEnum)

_YEARS: Final = (2000, 2199)
_NAME: Final = re.compile(r"(?:[^\W\d]|\$)[$\w ]*")
"""What may be the name of a property, and is no expression but for _CONSTANTS."""
_CONSTANTS: Final = ("true", "false", "NOW")
_CUSTOM_EVENT: Final = "$custom_event:"


def days_of(project: Project) -> Days:
    """The project's days and weeks."""
    return Days.of(project.time_zone, project.week_start)


def today(project: Project) -> date:
    """The present day of the project."""
    return days_of(project).day_of(time.time_ns() // 1_000_000)


def dates(parameters: Parameters, project: Project) -> tuple[date, date]:
    """`from_date` and `to_date`, both included. A day that has not begun cannot be asked for."""
    from_date, to_date = day(parameters, "from_date"), day(parameters, "to_date")
    if from_date > to_date:
        raise RequestError(400, "from_date must not be after to_date")
    if to_date > today(project):
        raise RequestError(400, "to_date cannot be later than today")  # a client reads these words
    return from_date, to_date


def day(parameters: Parameters, name: str) -> date:
    """A date as yyyy-mm-dd."""
    found = required_day(parameters, name)
    check_year(found.year, name)
    return found


def check_year(year: int, name: str) -> None:
    """Refuse a year that reports do not know."""
    if not _YEARS[0] <= year <= _YEARS[1]:
        raise RequestError(400, f"Error in {name}: invalid date, bad year")  # a client reads these words


def choice(parameters: Parameters, name: str, allowed: Sequence[Choice], default: Choice | None = None) -> Choice:
    """One of some words, in either case. Without a default the parameter is required."""
    text = parameters.get(name, "").lower()
    if not text and default is not None:
        return default
    for each in allowed:
        if text == each:
            return each
    words = ", ".join(allowed)
    raise RequestError(
        400, f"{name} must be one of {words}, not '{text[:40]}'" if text else f"{name} is required: {words}"
    )


def buckets(days: Days, from_date: date, to_date: date, unit: Unit, interval: int = 1) -> Buckets:
    """The buckets of a report, REPORT_BUCKETS_MAX at most."""
    per_day = {Unit.MINUTE: 1440, Unit.HOUR: 24}.get(unit, 1)
    if ((to_date - from_date).days + 1) * per_day > REPORT_BUCKETS_MAX:
        raise RequestError(
            400,
            f"unit {unit} has more than {REPORT_BUCKETS_MAX} values in this range: choose fewer days or a longer unit",
        )
    return Buckets(days, from_date, to_date, unit, interval)


def recent_buckets(parameters: Parameters, project: Project) -> Buckets:
    """The buckets of a report that takes dates, or `interval` units back, the present one included. Clients send both
    unit and interval; dates take precedence."""
    days, unit = days_of(project), choice(parameters, "unit", tuple(Unit), Unit.DAY)
    if parameters.get("from_date") or parameters.get("to_date"):
        return buckets(days, *dates(parameters, project), unit)
    count = whole_number(parameters, "interval", 1, REPORT_BUCKETS_MAX)
    if count is None:
        raise RequestError(400, "from_date and to_date are required, or interval: a number of units back")
    found = latest(days, unit, count, time.time_ns() // 1_000_000)
    if found.from_date.year < _YEARS[0]:
        raise RequestError(400, f"interval: {count} units back begin before {_YEARS[0]}")
    return found


def whole(days: Days, from_date: date, to_date: date) -> Buckets:
    """Some days as one bucket."""
    return Buckets(days, from_date, to_date, Unit.DAY, (to_date - from_date).days + 1)


def event_name(parameters: Parameters, *, required: bool = True) -> list[str]:
    """The event of a report, as a plain name; none for an empty one and for `$any_event`, which are any event."""
    if required and "event" not in parameters:
        raise RequestError(400, "event is required; an empty one is any event")
    name = parameters.get("event", "")
    return _known([] if name in ANY_EVENT else [name])


def event_names(parameters: Parameters) -> list[str]:
    """The events of a report: a JSON array, or one plain name."""
    names = strings(parameters, "event")
    if not names:
        raise RequestError(400, 'event is required: a JSON array of names, such as ["Sign up", "Purchase"]')
    if len(names) > SERIES_MAX:
        raise RequestError(400, f"event must not have more than {SERIES_MAX} names")
    return _known(list(dict.fromkeys(names)))


def _known(names: list[str]) -> list[str]:
    for name in names:
        if name.startswith(_CUSTOM_EVENT):
            raise RequestError(400, f"event: custom events such as '{name[:40]}' are not supported; name events")
    return names


def property_name(parameters: Parameters) -> Property:
    """The property that `name` names."""
    if not parameters.get("name"):
        raise RequestError(400, "name is required: the name of a property")
    return Property(1, False, parameters["name"])


def required(found: Expression | None, name: str) -> Expression:
    """An expression that a report cannot do without."""
    if found is None:
        raise RequestError(400, f'{name} is required: an expression such as properties["price"]')
    return found


def expression(parameters: Parameters, name: str, project: Project) -> Expression | None:
    """The segmentation expression of a parameter. In `datetime("…")` a time without a zone is one of the project's."""
    text = parameters.get(name, "")
    if not text.strip():
        return None
    days = days_of(project)
    try:
        return parse(text, time.time(), lambda local: days.instants_ms(local)[0])
    except ExpressionError as error:
        raise RequestError(400, f"{name}: {error.message}") from error


def breakdown(parameters: Parameters, project: Project, name: str = "on") -> Expression | None:
    """The expression of a breakdown. A property's name alone stands for its value, as older clients send it."""
    text = parameters.get(name, "").strip()
    if _NAME.fullmatch(text) and text not in _CONSTANTS:
        return Property(1, False, text)
    return expression(parameters, name, project)


def limit(parameters: Parameters, default: int, highest: int, name: str = "limit") -> int:
    """How many values to give."""
    text = parameters.get(name, "")
    if not text:
        return default
    digits = text.lstrip("0")
    if not text.isascii() or not text.isdigit() or not digits:
        raise RequestError(400, f"{name} must be a whole number from 1 to {highest}")
    if len(digits) > len(str(highest)) or int(digits) > highest:
        raise RequestError(400, f"Query limit exceeds max limit of {highest} ({digits[:20]} was given)")
    return int(digits)
