"""The filters of a bookmark, as expressions.

A filter on a list is true if one of its elements meets it. A negative one is the opposite of the positive one, so it is
true where the property is absent. Days are those of the project.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarks.dates import bookmark_day, last
from trackway.edge.api.reports.bookmarks.documents import FilterClause
from trackway.edge.api.reports.bookmarks.strict_json import converted, not_built
from trackway.edge.limits import BOOKMARK_FILTER_VALUES_MAX, BOOKMARK_FILTERS_MAX
from trackway.query.expressions import Expression
from trackway.query.expressions.tree import (
    Affix,
    Comparison,
    DateTime,
    Defined,
    Element,
    Equality,
    Junction,
    ListLiteral,
    Literal,
    Membership,
    Not,
    Property,
    Quantifier,
)
from trackway.query.reports.insights import InCohort
from trackway.query.sql.cohort import Condition
from trackway.query.sql.days import Days

_AT: Final = 1
"""The character of an expression that has no text."""
_ELEMENT: Final = 1
_OF_USER: Final = {"events": False, "event": False, "people": True, "user": True}
_COMPARED: Final = {
    "is greater than": ">",
    "is less than": "<",
    "is at least": ">=",
    "is at most": "<=",
    "is greater than or equal to": ">=",
    "is less than or equal to": "<=",
}
_NEGATIVE: Final = {
    "does not equal": "equals",
    "does not contain": "contains",
    "is not set": "is set",
    "not on": "was on",
    "was not on": "was on",
    "was not between": "was between",
    "not in the last": "was in the",
    "was not in the": "was in the",
}
_SAME: Final = {
    "is equal to": "equals",
    "between": "is between",
    "on": "was on",
    "in the last": "was in the",
    "before": "was before",
    "since": "was since",
    "in the next": "was in the next",
}
"""Words of older bookmarks."""


class Calendar(NamedTuple):
    """The project's days, and the present moment: its day, and seconds since the epoch."""

    days: Days
    today: date
    now_s: float


Cohorts = Callable[[object], Condition]
"""What the members of a cohort meet, given as `id` or `raw_cohort`. Raises RequestError 400."""
COHORTS: Final = "$cohorts"
"""The name in filters of what a person belongs to."""


def cohort_filters(clauses: Sequence[FilterClause] | None, cohorts: Cohorts | None, path: str) -> list[InCohort]:
    """The filters by cohort among some. Raises RequestError 400, naming the clause below `path`."""
    found = []
    if len(clauses or ()) > BOOKMARK_FILTERS_MAX:
        raise RequestError(400, f"{path} must be {BOOKMARK_FILTERS_MAX} filters at most")
    for number, clause in enumerate(clauses or ()):
        if clause.value != COHORTS:
            continue
        if clause.filterOperator not in ("contains", "does not contain") or cohorts is None:
            raise not_built(f"{path}.{number}.filterOperator", clause.filterOperator)
        value = clause.filterValue
        if not isinstance(value, list) or len(value) != 1 or not isinstance(value[0], dict):
            raise RequestError(400, f"{path}.{number}.filterValue must be one cohort")
        found.append(InCohort(cohorts(value[0].get("cohort")), clause.filterOperator != "contains"))
    return found


def property_of(name: object, resource: str, path: str) -> Property:
    """A reference to a property of the event, or of the profile of its person. Raises RequestError 400."""
    if resource not in _OF_USER:
        raise not_built(f"{path}.resourceType", resource)
    if not isinstance(name, str) or not name:
        raise RequestError(400, f"{path}.value must be the name of a property")
    return Property(_AT, _OF_USER[resource], name)


def filters_expression(
    clauses: Sequence[FilterClause] | None, determiner: str | None, calendar: Calendar, path: str
) -> Expression | None:
    """All filters together, or one of them with the determiner `any`; None where there are none. Raises RequestError
    400, naming the clause below `path`."""
    if not clauses:
        return None
    if len(clauses) > BOOKMARK_FILTERS_MAX:
        raise RequestError(400, f"{path} must be {BOOKMARK_FILTERS_MAX} filters at most")
    if determiner not in ("all", "any", "and", "or", None):
        raise RequestError(400, f"{path}Determiner must be all or any, not {determiner[:40]!r}")
    parts = tuple(_filter(each, calendar, f"{path}.{number}") for number, each in enumerate(clauses))
    word = "or" if determiner in ("any", "or") else "and"
    return parts[0] if len(parts) == 1 else Junction(_AT, word, parts)


def _filter(clause: FilterClause, calendar: Calendar, path: str) -> Expression:
    for field in ("customPropertyId", "customProperty", "behavior", "dataGroupId"):
        if (value := getattr(clause, field)) is not None:
            raise not_built(f"{path}.{field}", value)
    name = clause.propertyName if clause.value is None else clause.value
    if name == COHORTS:
        raise not_built(f"{path}.value", name)
    of = property_of(name, clause.resourceType, path)
    if clause.listItemFilters is not None:
        return _of_objects(clause, path)
    asked = clause.filterOperator or ""
    operator: str = _SAME.get(asked, asked)
    found = _Condition(clause, calendar, path).of(_NEGATIVE.get(operator, operator), of)
    return Not(_AT, found) if operator in _NEGATIVE else found


def _of_objects(clause: FilterClause, path: str) -> Expression:
    raise not_built(f"{path}.listItemFilters", clause.listItemFilters)


class _Condition(NamedTuple):
    """The condition of one filter."""

    clause: FilterClause
    calendar: Calendar
    path: str

    def of(self, operator: str, of: Property) -> Expression:
        """What a positive operator asks of a property. Raises RequestError 400."""
        match operator:
            case "equals":
                return self._equals(of)
            case "contains" | "starts with" | "ends with":
                return self._has_text(operator, of)
            case "is set":
                return Defined(_AT, of)
            case "true" | "false":
                return Equality(_AT, of, Literal(_AT, operator == "true"), False)
            case "is between" | "not between":
                return self._between(operator, of)
            case _ if operator in _COMPARED:
                return Comparison(_AT, of, _number(self.clause.filterValue, self._value_path), _COMPARED[operator])
            case _ if operator.startswith("was "):
                return self._when(operator, DateTime(_AT, of))
        raise not_built(f"{self.path}.filterOperator", operator)

    @property
    def _value_path(self) -> str:
        return f"{self.path}.filterValue"

    def _equals(self, of: Property) -> Expression:
        value = self.clause.filterValue
        values = value if isinstance(value, list) else [value]
        if len(values) > BOOKMARK_FILTER_VALUES_MAX:
            raise RequestError(400, f"{self._value_path} must be {BOOKMARK_FILTER_VALUES_MAX} values at most")
        if not values or not all(isinstance(each, str | bool | int | float) for each in values):
            raise RequestError(400, f"{self._value_path} must be texts, numbers or booleans")
        listed = ListLiteral(
            _AT, tuple(each if isinstance(each, bool | str) else _float(each, self._value_path) for each in values)
        )
        return _one(of, Membership(_AT, Element(_AT, _ELEMENT), listed), Membership(_AT, of, listed))

    def _has_text(self, operator: str, of: Property) -> Expression:
        text = self.clause.filterValue
        if not isinstance(text, str) or not text:
            raise RequestError(400, f"{self._value_path} must be a text that is not empty")
        held, element = Literal(_AT, text), Element(_AT, _ELEMENT)
        if operator == "contains":
            return _one(of, Membership(_AT, held, element), Membership(_AT, held, of))
        at_end = operator == "ends with"
        return _one(of, Affix(_AT, element, held, at_end), Affix(_AT, of, held, at_end))

    def _between(self, operator: str, of: Property) -> Expression:
        value = self.clause.filterValue
        if not isinstance(value, list) or len(value) != 2:
            raise RequestError(400, f"{self._value_path} must be two numbers")
        low, high = (_number(each, f"{self._value_path}.{number}") for number, each in enumerate(value))
        if operator == "is between":
            return Junction(_AT, "and", (Comparison(_AT, of, low, ">="), Comparison(_AT, of, high, "<=")))
        return Junction(_AT, "or", (Comparison(_AT, of, low, "<"), Comparison(_AT, of, high, ">")))

    def _when(self, operator: str, of: DateTime) -> Expression:
        """Times are seconds since the epoch, from the first on and before the second."""
        value, now_s = self.clause.filterValue, self.calendar.now_s
        match operator:
            case "was on":
                day = self._day(value)
                return self._from_to(of, self._begin_s(day), self._begin_s(day + timedelta(days=1)))
            case "was before":
                return self._from_to(of, None, self._begin_s(self._day(value)))
            case "was since":
                return self._from_to(of, self._begin_s(self._day(value)), None)
            case "was between":
                if not isinstance(value, list) or len(value) != 2:
                    raise RequestError(400, f"{self._value_path} must be two dates")
                first, final = self._day(value[0]), self._day(value[1])
                return self._from_to(of, self._begin_s(first), self._begin_s(final + timedelta(days=1)))
            case "was in the":
                return self._from_to(of, now_s - self._ago_s(), now_s)
            case "was in the next":
                return self._from_to(of, now_s, now_s + self._ago_s())
        raise not_built(f"{self.path}.filterOperator", operator)

    def _day(self, value: object) -> date:
        return bookmark_day(value, self._value_path)

    def _begin_s(self, day: date) -> float:
        return self.calendar.days.bounds_ms(day, day)[0] / 1000

    def _ago_s(self) -> float:
        """The seconds of so many of the filter's units before now."""
        first, _ = last(self.clause.filterDateUnit or "day", self.clause.filterValue, self.calendar.today, self.path)
        if self.clause.filterDateUnit == "hour":
            return 3600.0 * int(self.clause.filterValue)
        return 86_400.0 * ((self.calendar.today - first).days + 1)

    def _from_to(self, of: DateTime, from_s: float | None, before_s: float | None) -> Expression:
        bounds = [(from_s, ">="), (before_s, "<")]
        parts = tuple(Comparison(_AT, of, _instant(at_s), sign) for at_s, sign in bounds if at_s is not None)
        return parts[0] if len(parts) == 1 else Junction(_AT, "and", parts)


def _one(of: Property, of_element: Expression, single: Expression) -> Expression:
    """Whether a property, or one of its elements if it is a list, meets a condition."""
    return Junction(_AT, "or", (single, Quantifier(_AT, "any", _ELEMENT, of, of_element)))


def _instant(at_s: float) -> Expression:
    return DateTime(_AT, Literal(_AT, at_s))


def _number(value: object, path: str) -> Literal:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RequestError(400, f"{path} must be a number")
    return Literal(_AT, _float(value, path))


def _float(value: float, path: str) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise RequestError(400, f"{path} must be less than 1e308") from error


def read_filters(value: Any, path: str) -> list[FilterClause]:
    """Filters that were read as plain JSON. Raises RequestError 400."""
    return converted(value, list[FilterClause], path)
