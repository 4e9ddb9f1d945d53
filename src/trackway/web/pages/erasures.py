"""Erasures of persons: the list of a project's tasks with what they found, the form that begins one, and its end while
it waits. The page of a user has the form that leads here."""

from typing import Final

from starlette.responses import RedirectResponse, Response

from trackway.domain.errors import RequestError
from trackway.edge.access.change_queue import Changes, Opened
from trackway.projects.person_task import PersonTask
from trackway.web.forms import text
from trackway.web.page import Page, render
from trackway.web.saved_report import id_of

PATH: Final = "/erasures"
TYPED: Final = "erase"
"""What has to be typed, since nothing brings a person back."""


async def show(page: Page, *, changes: Changes) -> Response:
    """The newest tasks. The query says what was just done."""
    asked = page.request.query_params
    done = "The erasure begins soon. Until then it can be cancelled." if "asked" in asked else ""
    return await _draw(page, changes, done="The erasure is cancelled." if "cancelled" in asked else done)


async def erase(page: Page, *, changes: Changes) -> Response:
    """The form that begins to erase the person of an id."""
    project_id, id, delay_s = page.project.project_id, text(page.form, "id"), page.settings.erasure_delay_s
    if text(page.form, "typed").strip().lower() != TYPED:
        return await _draw(page, changes, id=id, problem=f"type {TYPED} to erase this person")

    def ask(opened: Opened) -> PersonTask:
        return opened.person_tasks.ask("deletion", project_id, [id], page.visitor.name, delay_s=delay_s)

    try:
        await changes.run(ask, page.author)
    except RequestError as error:
        if error.status != 400:
            raise
        return await _draw(page, changes, id=id, problem=error.message)
    return RedirectResponse(page.url(PATH, asked="1"), 303)


async def cancel(page: Page, *, changes: Changes) -> Response:
    """The button that ends a task before it begins."""
    number, project_id = id_of(text(page.form, "task"), "task"), page.project.project_id
    try:
        await changes.run(lambda opened: opened.person_tasks.cancel("deletion", project_id, number), page.author)
    except RequestError as error:
        if error.status != 400:
            raise
        return await _draw(page, changes, problem=error.message)
    return RedirectResponse(page.url(PATH, cancelled="1"), 303)


async def _draw(page: Page, changes: Changes, *, id: str = "", done: str = "", problem: str = "") -> Response:
    project_id = page.project.project_id
    tasks = await changes.run(lambda opened: opened.person_tasks.newest(project_id), page.author)
    return render(
        page,
        "erasures.html",
        status=400 if problem else 200,
        tasks=[each for each in tasks if each.kind == "deletion"],
        id=id,
        typed=TYPED,
        done=done,
        problem=problem,
    )
