"""Saved cohorts: `/api/app/projects/ID/cohorts` as Mixpanel's query SDK sends and reads them.

A change after which a definition could not be read that could be before is refused.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from trackway.domain.errors import RequestError
from trackway.edge.api.endpoint_shell import Asked
from trackway.edge.api.reports.bookmarks.cohorts import definition_of, unreadable
from trackway.edge.api.saved.bodies import Described, check_complete, described
from trackway.edge.api.saved.requests import creator_of, ids_of
from trackway.edge.api.service_account_requests import decode_body, moment
from trackway.projects.project import Project
from trackway.projects.saved import Cohort, check_object

if TYPE_CHECKING:
    from trackway.projects.saved_table import Saved


class _Body(Described):
    """The body of a POST or PATCH. A definition is `selector` and `behaviors` together."""

    is_visible: bool | msgspec.UnsetType = msgspec.UNSET
    selector: Any = None
    behaviors: dict[str, Any] | None = None
    groups: Any = None
    data_group_id: Any = None


def every(saved: "Saved", asked: Asked) -> object:
    return [_shown(each) for each in saved.all(Cohort, asked.project.project_id, ids_of(asked.parameters))]


def create(saved: "Saved", asked: Asked) -> object:
    columns = {"description": "", "is_visible": True, **_columns(decode_body(asked.body, _Body))}
    check_complete(columns, ("name", "name"), ("definition", "selector"))
    check = check_of(saved, asked.project)
    return _shown(saved.create(Cohort, asked.project.project_id, columns, creator_of(asked), check))


def one(saved: "Saved", asked: Asked) -> object:
    return _shown(saved.one(Cohort, asked.project.project_id, asked.request.ids["cohort"]))


def change(saved: "Saved", asked: Asked) -> object:
    columns, number = _columns(decode_body(asked.body, _Body)), asked.request.ids["cohort"]
    return _shown(
        saved.change(Cohort, asked.project.project_id, number, columns, check_of(saved, asked.project, number))
    )


def remove(saved: "Saved", asked: Asked) -> object:
    number = asked.request.ids["cohort"]
    saved.delete(Cohort, asked.project.project_id, number, check_of(saved, asked.project))
    return {"id": number}


def check_of(saved: "Saved", project: Project, changed: int | None = None) -> Callable[[list[Cohort]], None]:
    """Raises InvalidInput for the cohort that is changed, and for others that could be read before."""
    before = unreadable(project, saved.all(Cohort, project.project_id))

    def check(cohorts: list[Cohort]) -> None:
        for number, error in unreadable(project, cohorts).items():
            if number == changed or number not in before:
                raise error

    return check


def _columns(body: _Body) -> dict[str, Any]:
    for name in ("groups", "data_group_id"):
        if getattr(body, name):
            raise RequestError(
                400, f"{name} is not supported: a cohort is of users, and selector and behaviors define it"
            )
    columns = described(body)
    if body.is_visible is not msgspec.UNSET:
        columns["is_visible"] = body.is_visible
    if body.selector is not None or body.behaviors:
        definition = {"selector": body.selector, "behaviors": body.behaviors or {}}
        columns["definition"] = check_object("selector and behaviors", _json(definition))
    return columns


def _json(definition: dict[str, Any]) -> str:
    """The text of a definition. Raises RequestError 400 for numbers and levels that such a text does not hold."""
    try:
        return orjson.dumps(definition).decode()
    except orjson.JSONEncodeError as error:
        raise RequestError(400, f"selector and behaviors cannot be saved: {error}") from error


def _shown(cohort: Cohort) -> dict[str, Any]:
    made = cohort.made
    return {
        "id": cohort.cohort_id,
        "project_id": cohort.project_id,
        "name": cohort.name,
        "description": cohort.description,
        "is_visible": cohort.is_visible,
        "is_locked": False,
        "data_group_id": None,
        "created": moment(made.created_at_ms),
        "last_edited": moment(made.modified_at_ms),
        "created_by": {"id": made.creator_id, "name": made.creator_name},
        **definition_of(cohort),
    }
