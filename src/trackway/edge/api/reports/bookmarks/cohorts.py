"""The cohort that a query names, and the saved ones of a project, as conditions (`query.sql.cohort`)."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from trackway.domain.errors import InvalidInput, RequestError
from trackway.edge.api.reports.bookmarks.cohort_definition import Definition, Now, read_cohort
from trackway.edge.api.reports.parameters import days_of
from trackway.edge.wire.parameters import Parameters
from trackway.projects.project import Project
from trackway.projects.saved import Cohort
from trackway.query.sql.cohort import Condition

if TYPE_CHECKING:
    from trackway.projects.saved_table import Saved

_DIGITS_MAX = 9


class CohortAsked(NamedTuple):
    """The cohort that a query names: of a project, a saved one by its id, or a definition."""

    project: Project
    cohort_id: int | None
    definition: Definition


def conditions(project: Project, cohorts: Sequence[Cohort]) -> list[Condition]:
    """What the members of each cohort meet. `cohorts` are all of the project. Raises InvalidInput."""
    read = _readings(project, cohorts)
    return [read(each) for each in cohorts]


def unreadable(project: Project, cohorts: Sequence[Cohort]) -> dict[int, InvalidInput]:
    """Why some cohorts cannot be asked, by id: another version may have read more. `cohorts` are all of the project."""
    read, found = _readings(project, cohorts), {}
    for each in cohorts:
        try:
            read(each)
        except InvalidInput as error:
            found[each.cohort_id] = error
    return found


def _readings(project: Project, cohorts: Sequence[Cohort]) -> Callable[[Cohort], Condition]:
    definitions = {each.cohort_id: definition_of(each) for each in cohorts}

    def read(cohort: Cohort) -> Condition:
        try:
            return _condition(project, definitions, cohort.cohort_id, definitions[cohort.cohort_id])
        except InvalidInput as error:
            raise InvalidInput(f"cohort {cohort.cohort_id} {cohort.name}: {error}") from error

    return read


def read_filter(parameters: Parameters, project: Project) -> CohortAsked | None:
    """`filter_by_cohort`: `{"id":7}` or `{"raw_cohort":{…}}`; None when it is absent. Raises RequestError 400."""
    text = parameters.get("filter_by_cohort", "")
    if not text:
        return None
    try:
        given = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RequestError(400, f"filter_by_cohort must be a JSON object: {error}") from error
    return cohort_asked(given, project, "filter_by_cohort")


def cohort_asked(given: object, project: Project, name: str) -> CohortAsked:
    """`{"id":7}` or `{"raw_cohort":{…}}` as it was read from JSON. Raises RequestError 400, naming the field."""
    number, definition = (given.get("id"), given.get("raw_cohort")) if isinstance(given, dict) else (None, None)
    if isinstance(number, str) and number.isascii() and number.isdigit() and len(number) <= _DIGITS_MAX:
        number = int(number)
    if isinstance(number, int) and not isinstance(number, bool) and 0 < number < 10**_DIGITS_MAX:
        return CohortAsked(project, number, {})
    if isinstance(definition, dict):
        return CohortAsked(project, None, definition)
    raise RequestError(400, f'{name} must be {{"id": the id of a cohort}} or {{"raw_cohort": its definition}}')


def condition_of(saved: "Saved", asked: CohortAsked, name: str = "filter_by_cohort") -> Condition:
    """What the members of the cohort meet. Raises RequestError 400, naming the field."""
    cohorts = saved.all(Cohort, asked.project.project_id)
    definitions = {each.cohort_id: definition_of(each) for each in cohorts}
    try:
        if asked.cohort_id is None:
            return _condition(asked.project, definitions, None, asked.definition)
        return _condition(asked.project, definitions, asked.cohort_id, _named(definitions, asked.cohort_id))
    except InvalidInput as error:
        raise RequestError(400, f"{name}: {error}") from error


def _condition(
    project: Project, definitions: Mapping[int, Definition], number: int | None, definition: Definition
) -> Condition:
    now = Now(days_of(project), time.time_ns() // 1_000_000)
    return read_cohort(definition, now, lambda other: _named(definitions, other), number)


def _named(definitions: Mapping[int, Definition], number: int) -> Definition:
    if number not in definitions:
        raise InvalidInput(f"cohort {number} was not found")
    return definitions[number]


def definition_of(cohort: Cohort) -> Definition:
    """The definition of a saved cohort."""
    found: Definition = msgspec.json.decode(cohort.definition)
    return found
