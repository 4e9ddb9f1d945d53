"""Alerts of a project: the list with their states, each with its log, and the forms that make, change and test one.

The secret of an alert is shown once: when it was made, and when it was replaced. This process sends nothing. A test is
a message that the process of alerts sends like any other, and this page waits for its outcome.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from starlette.responses import RedirectResponse, Response

from trackway.domain.errors import InvalidInput, RequestError
from trackway.edge.access.change_queue import Changes, Opened
from trackway.edge.routes import PAGES_PATH
from trackway.projects.alert import Alert, Delivery, Wanted
from trackway.projects.alert_condition import REPORT_TYPES, Kind, ReportValue, condition_text, kind_of
from trackway.projects.saved import Bookmark
from trackway.web.alert_form import KINDS, SIDES, empty_fields, fields_of, given_fields, kind_named, wanted_of
from trackway.web.forms import text
from trackway.web.limits import ALERT_TEST_POLL_S, ALERT_TEST_WAIT_S_MAX
from trackway.web.page import Page, render
from trackway.web.saved_report import creator_of, id_of

PATH: Final = "/alerts"
_NOUN: Final = "alert"
_DONE: Final = {
    "changed": "The alert is changed.",
    "paused": "The alert is paused.",
    "resumed": "The alert is watched again.",
    "deleted": "The alert is deleted.",
}


class Shown(NamedTuple):
    """An alert on the page, with its condition in words."""

    alert: Alert
    condition: str


class _Found(NamedTuple):
    """An alert, its messages, the newest first, and the reports that an alert may compare."""

    alert: Alert
    log: Sequence[Delivery]
    reports: Sequence[Bookmark]


async def show_all(page: Page, *, changes: Changes) -> Response:
    """The list of alerts, and links to the forms that make one."""
    project_id = page.project.project_id

    def find(opened: Opened) -> tuple[list[Alert], list[Bookmark]]:
        return opened.alerts.all(project_id), _comparable(opened, project_id)

    alerts, reports = await changes.run(find, page.author)
    return render(
        page,
        "alerts.html",
        alerts=[Shown(each, _words(each, reports)) for each in alerts],
        kinds=list(KINDS.items()),
        done=_DONE.get(page.request.query_params.get("done", ""), ""),
    )


async def new(page: Page, *, changes: Changes) -> Response:
    """The form of a new alert with one kind of condition."""
    kind = _kind(page.request.query_params.get("kind", ""))
    return await _form(page, changes, kind, empty_fields())


async def create(page: Page, *, changes: Changes) -> Response:
    """The form that makes an alert. It is shown with its secret."""
    kind, project_id, creator = _kind(text(page.form, "kind")), page.project.project_id, creator_of(page)
    by = page.visitor.account_id
    try:
        wanted = _wanted(page, kind)
        made = await changes.run(lambda opened: opened.alerts.create(project_id, wanted, creator, by), page.author)
    except (InvalidInput, RequestError) as error:
        return await _form(page, changes, kind, given_fields(page.form), problem=_problem(error))
    return await _draw(page, changes, made.alert_id, secret=made.secret)


async def show(page: Page, *, changes: Changes) -> Response:
    """An alert: its state, its log, and the forms that change it."""
    return await _draw(page, changes, _number(page), done=_DONE.get(page.request.query_params.get("done", ""), ""))


async def change(page: Page, *, changes: Changes) -> Response:
    """The form that changes an alert."""
    number, project_id, by = _number(page), page.project.project_id, page.visitor.account_id
    kind = _kind(text(page.form, "kind"))
    try:
        wanted = _wanted(page, kind)
        await changes.run(lambda opened: opened.alerts.change(project_id, number, wanted, by), page.author)
    except (InvalidInput, RequestError) as error:
        return await _draw(page, changes, number, problem=_problem(error), fields=given_fields(page.form))
    return _back(page, number, "changed")


async def pause(page: Page, *, changes: Changes) -> Response:
    """The button that pauses an alert."""
    number, by = _number(page), page.visitor.account_id
    await _changed(page, changes, lambda opened, project: opened.alerts.pause(project, number, by, paused=True))
    return _back(page, number, "paused")


async def resume(page: Page, *, changes: Changes) -> Response:
    """The button that has an alert watched again."""
    number, by = _number(page), page.visitor.account_id
    await _changed(page, changes, lambda opened, project: opened.alerts.pause(project, number, by, paused=False))
    return _back(page, number, "resumed")


async def replace_secret(page: Page, *, changes: Changes) -> Response:
    """The button that gives an alert a new secret, which is shown."""
    number, by = _number(page), page.visitor.account_id
    alert = await _changed(page, changes, lambda opened, project: opened.alerts.replace_secret(project, number, by))
    return await _draw(page, changes, number, secret=alert.secret)


async def delete(page: Page, *, changes: Changes) -> Response:
    """The button that deletes an alert with its log."""
    number, project_id, by = _number(page), page.project.project_id, page.visitor.account_id
    await changes.run(lambda opened: opened.alerts.delete(project_id, number, by), page.author)
    return RedirectResponse(page.url(PATH, done="deleted"), 303)


async def test(page: Page, *, changes: Changes) -> Response:
    """The button that has a test sent. It waits for the outcome."""
    number, project_id, by = _number(page), page.project.project_id, page.visitor.account_id
    try:
        sent = await changes.run(lambda opened: opened.alerts.test(project_id, number, by), page.author)
    except RequestError as error:
        return await _draw(page, changes, number, problem=_problem(error))
    deadline_s = time.monotonic() + ALERT_TEST_WAIT_S_MAX
    while True:
        await asyncio.sleep(ALERT_TEST_POLL_S)
        log = await changes.run(lambda opened: opened.alerts.deliveries(project_id, number), page.author)
        tests = [each for each in log if each.delivery_id in sent]
        if time.monotonic() >= deadline_s or all(each.outcome != "waiting" for each in tests):
            return await _draw(page, changes, number, tests=tests[::-1])


async def _changed(page: Page, changes: Changes, work: Callable[[Opened, int], Alert]) -> Alert:
    project_id = page.project.project_id
    return await changes.run(lambda opened: work(opened, project_id), page.author)


async def _form(page: Page, changes: Changes, kind: Kind, fields: dict[str, str], problem: str = "") -> Response:
    """The page of a new alert."""
    project_id = page.project.project_id
    reports = await changes.run(lambda opened: _comparable(opened, project_id), page.author)
    return render(
        page,
        "alert_new.html",
        status=400 if problem else 200,
        kind=kind,
        title_of_kind=KINDS[kind],
        fields=fields,
        reports=_choices(reports),
        sides=SIDES,
        has_mail=bool(page.settings.smtp_url),
        problem=problem,
    )


async def _draw(
    page: Page,
    changes: Changes,
    number: int,
    *,
    done: str = "",
    problem: str = "",
    secret: str = "",
    fields: dict[str, str] | None = None,
    tests: Sequence[Delivery] = (),
) -> Response:
    """The page of an alert. Raises RequestError 404 where the project has none of that id."""
    project_id = page.project.project_id

    def find(opened: Opened) -> _Found:
        alert = opened.alerts.one(project_id, number)
        return _Found(alert, opened.alerts.deliveries(project_id, number), _comparable(opened, project_id))

    found = await changes.run(find, page.author)
    return render(
        page,
        "alert.html",
        status=400 if problem else 200,
        alert=found.alert,
        condition=_words(found.alert, found.reports),
        log=found.log,
        kind=kind_of(found.alert.condition),
        fields=fields or fields_of(found.alert),
        reports=_choices(found.reports),
        sides=SIDES,
        has_mail=bool(page.settings.smtp_url),
        done=done,
        problem=problem,
        secret=secret,
        tests=tests,
    )


def _wanted(page: Page, kind: Kind) -> Wanted:
    """What the form wants. Raises InvalidInput."""
    above = f"{page.server_address}{PAGES_PATH}/projects/{page.project.project_id}{PATH}"
    wanted = wanted_of(page.form, kind, above)
    if wanted.emails and not page.settings.smtp_url:
        raise InvalidInput("this server sends no mail: its settings name no mail server")
    return wanted


def _problem(error: InvalidInput | RequestError) -> str:
    """Why a form is shown again. Raises what no other input would change."""
    if isinstance(error, RequestError) and error.status != 400:
        raise error
    return str(error)


def _comparable(opened: Opened, project_id: int) -> list[Bookmark]:
    found = [each for each in opened.saved.all(Bookmark, project_id) if each.type in REPORT_TYPES]
    return sorted(found, key=lambda each: (each.name.casefold(), each.bookmark_id))


def _choices(reports: Sequence[Bookmark]) -> list[tuple[str, str]]:
    return [(str(each.bookmark_id), each.name) for each in reports]


def _words(alert: Alert, reports: Sequence[Bookmark]) -> str:
    condition = alert.condition
    if not isinstance(condition, ReportValue):
        return condition_text(condition)
    name = next((each.name for each in reports if each.bookmark_id == condition.report_id), "a deleted report")
    return condition_text(condition, name)


def _kind(name: str) -> Kind:
    kind = kind_named(name)
    if kind is None:
        raise RequestError(400, f"kind must be one of {', '.join(KINDS)}")
    return kind


def _number(page: Page) -> int:
    return id_of(page.request.path_params["alert"], _NOUN)


def _back(page: Page, number: int, done: str) -> Response:
    return RedirectResponse(page.url(f"{PATH}/{number}", done=done), 303)
