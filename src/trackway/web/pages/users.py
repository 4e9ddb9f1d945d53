"""The users of a project: a search by text, filters and cohort, sorted, with columns that a visitor chooses.

The list is a profile query of the API (`query.people`), and a cohort that is saved here has the conditions of the list.
"""

import time
from typing import Any, Final

import msgspec
from starlette.datastructures import QueryParams
from starlette.responses import RedirectResponse, Response

from trackway.domain.errors import InvalidInput, RequestError
from trackway.edge.access.change_queue import Changes, Opened
from trackway.edge.api.reports.bookmarks.cohort_definition import Definition, Now, read_cohort
from trackway.edge.api.reports.bookmarks.cohorts import CohortAsked, condition_of
from trackway.edge.api.saved.cohorts import check_of
from trackway.projects.roles import Right
from trackway.projects.saved import Cohort, check_object
from trackway.query.expressions import Expression, ExpressionError
from trackway.query.expressions.tree import Junction
from trackway.query.mapped_tables import lookups_of
from trackway.query.people import PersonRow, people, people_count
from trackway.query.profile_order import Order
from trackway.query.profile_pages import in_cohort
from trackway.query.profile_query import ProfileQuery
from trackway.query.sql.cohort import Condition, Has
from trackway.query.sql.cohort import Junction as CohortJunction
from trackway.web.limits import PEOPLE_COLUMNS_MAX, PEOPLE_FILTERS_MAX, PEOPLE_LISTED_MAX, PEOPLE_ROWS
from trackway.web.mapped_properties import mapped_for
from trackway.web.page import Page, render
from trackway.web.people_form import ID, ORDERS, PEOPLE_OPERATORS, PeopleForm, cohort_of, conditions_of, read_people
from trackway.web.report_address import with_fields
from trackway.web.report_filter import NO_FILTER
from trackway.web.saved_report import creator_of, described
from trackway.web.store_errors import answer_of

PATH: Final = "/users"
_SMALLER: Final = "search by fewer conditions, or sort by the id"
_EMPTY_COLUMNS: Final = 2
"""Empty fields for further columns."""


async def show(page: Page, *, changes: Changes) -> Response:
    """A page of the list."""
    query = page.request.query_params
    form = read_people(query)
    cohorts, condition = await changes.run(lambda opened: _loaded(opened, page, form), page.author)
    asked = await _asked(page, changes, form, condition)
    total = await answer_of(people_count(page.reader, asked), _SMALLER)
    shown = await answer_of(people(page.reader, asked, form.first, PEOPLE_ROWS), _SMALLER)
    listed = min(total, PEOPLE_LISTED_MAX)
    return render(
        page,
        "users.html",
        form=form,
        shown=shown,
        total=total,
        listed=listed,
        heads=[(name, _sorted_by(query, form, name), _direction(form, name)) for name in (ID, *form.columns)],
        filter_rows=[*form.filters, *([NO_FILTER] if len(form.filters) < PEOPLE_FILTERS_MAX else [])],
        column_rows=[*form.columns, *[""] * min(_EMPTY_COLUMNS, PEOPLE_COLUMNS_MAX - len(form.columns))],
        operators=[*PEOPLE_OPERATORS.items()],
        orders=[*ORDERS.items()],
        cohorts=[("", "Everybody"), *((str(each.cohort_id), each.name) for each in cohorts)],
        saved=query.get("done") == "saved",
        may_save=form.is_search and page.may(Right.SAVE),
        fields=[pair for pair in query.multi_items() if pair[0] not in ("page", "done")],
        newer="?" + with_fields(query, page=str(form.page - 1), done=None) if form.page > 1 else "",
        older="?" + with_fields(query, page=str(form.page + 1), done=None) if _has_more(form, shown, listed) else "",
    )


async def save_cohort(page: Page, *, changes: Changes) -> Response:
    """The form that saves the search as a cohort. Leads to the list of its members."""
    form = read_people(QueryParams([(name, str(value)) for name, value in page.form.multi_items() if name != "name"]))
    definition, creator, project = cohort_of(form), creator_of(page), page.project

    def create(opened: Opened) -> Cohort:
        columns = {
            **described(page.form),
            "is_visible": True,
            "definition": check_object("the search", _json(definition)),
        }
        check = check_of(opened.saved, project)
        return opened.saved.create(Cohort, project.project_id, columns, creator, check)

    made = await changes.run(create, page.author)
    return RedirectResponse(page.url(PATH, cohort=str(made.cohort_id), done="saved"), 303)


def _loaded(opened: Opened, page: Page, form: PeopleForm) -> tuple[list[Cohort], Condition | None]:
    """The cohorts of the project, and what members of the chosen one meet."""
    project = page.project
    cohorts = sorted(opened.saved.all(Cohort, project.project_id), key=lambda each: each.name.casefold())
    if form.cohort is None:
        return cohorts, None
    return cohorts, condition_of(opened.saved, CohortAsked(project, form.cohort, {}), "cohort")


async def _asked(page: Page, changes: Changes, form: PeopleForm, cohort: Condition | None) -> ProfileQuery:
    order = None if form.sort == ID and not form.descending else Order(form.sort, form.descending)
    query = ProfileQuery(
        page.project.project_id,
        where=_where(page, form),
        output_properties=form.columns,
        search=form.search,
        order=order,
        lookups=await lookups_of(page.reader, page.project.project_id, await mapped_for(page, changes)),
    )
    try:
        return query if cohort is None else await in_cohort(page.reader, query, cohort)
    except ExpressionError as error:
        raise RequestError(400, f"cohort: {error.message}") from error


def _where(page: Page, form: PeopleForm) -> Expression | None:
    """The filters, read as the cohort that the search can be saved as."""
    children = conditions_of(form)
    if not children:
        return None
    now = Now(page.days, time.time_ns() // 1_000_000)
    try:
        found = read_cohort(
            {"selector": {"operator": "and", "children": children}}, now, dict[int, Definition]().__getitem__
        )
    except InvalidInput as error:
        raise RequestError(400, str(error)) from error
    assert isinstance(found, CohortJunction)
    wheres = [each.where for each in found.parts if isinstance(each, Has)]
    return Junction(1, "and", tuple(wheres)) if len(wheres) > 1 else wheres[0]


def _sorted_by(query: QueryParams, form: PeopleForm, name: str) -> str:
    """The address of the same list in the order of a column, in the other direction if that is its order."""
    order = "desc" if form.sort == name and not form.descending else "asc"
    return "?" + with_fields(query, sort=name, order=order, page=None, done=None)


def _direction(form: PeopleForm, name: str) -> str:
    """As `aria-sort` spells it."""
    return "none" if form.sort != name else "descending" if form.descending else "ascending"


def _has_more(form: PeopleForm, shown: list[PersonRow], listed: int) -> bool:
    return bool(shown) and form.first + len(shown) < listed


def _json(definition: dict[str, Any]) -> str:
    return msgspec.json.encode(definition).decode()
