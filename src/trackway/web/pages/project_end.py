"""The forms of the settings page that name and describe a project, archive it, take it up again, and delete it."""

from starlette.responses import RedirectResponse, Response

from trackway.domain.errors import RequestError
from trackway.edge.access.change_queue import Changes
from trackway.edge.routes import PAGES_PATH
from trackway.web.forms import text
from trackway.web.page import Page
from trackway.web.pages import settings


async def describe(page: Page, *, changes: Changes, shown: settings.Shown) -> Response:
    number, by = page.project.project_id, page.visitor.account_id
    name, description = text(page.form, "name").strip(), text(page.form, "description").strip()
    try:
        await changes.run(lambda opened: opened.projects.describe(number, name, description, by), page.author)
    except RequestError as error:
        return await settings.refused(page, shown, error)
    return settings.done(page, "described")


async def archive(page: Page, *, changes: Changes, shown: settings.Shown) -> Response:
    return await _archived(page, changes, shown, archived=True)


async def take_up(page: Page, *, changes: Changes, shown: settings.Shown) -> Response:
    return await _archived(page, changes, shown, archived=False)


async def delete(page: Page, *, changes: Changes, shown: settings.Shown) -> Response:
    """The form needs the name of the project as it is."""
    number, by, typed = page.project.project_id, page.visitor.account_id, text(page.form, "name")
    try:
        await changes.run(lambda opened: opened.projects.delete(number, typed, by), page.author)
    except RequestError as error:
        return await settings.refused(page, shown, error)
    return RedirectResponse(f"{page.settings.path_prefix}{PAGES_PATH}/", 303)


async def _archived(page: Page, changes: Changes, shown: settings.Shown, *, archived: bool) -> Response:
    number, by = page.project.project_id, page.visitor.account_id
    try:
        await changes.run(lambda opened: opened.projects.archive(number, archived=archived, by=by), page.author)
    except RequestError as error:
        return await settings.refused(page, shown, error)
    return settings.done(page, "archived" if archived else "taken_up")
