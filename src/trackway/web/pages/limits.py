"""A project's own limits: a number for each of them, or none, which is the server's."""

import re

from starlette.responses import Response

from trackway.errors import RequestError
from trackway.projects.project import PROJECT_SETTINGS
from trackway.web.forms import text
from trackway.web.page import Page
from trackway.web.pages import settings


async def change(page: Page) -> Response:
    try:
        changes = {name: _number(page, name) for name in PROJECT_SETTINGS if name in page.form}
        await page.parts.changes.run(lambda opened: opened.projects.change_settings(page.project.project_id, changes))
    except RequestError as error:
        return await settings.refused(page, error)
    return settings.done(page, "limits")


def _number(page: Page, name: str) -> int | None:
    given = text(page.form, name).strip()
    if not re.fullmatch(r"[0-9]{0,18}", given):
        raise RequestError(400, f"{name} must be a whole number, or empty for that of the server")
    return int(given) if given else None
