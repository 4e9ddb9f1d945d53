"""A project's own limits: a number for each, or an empty field for the server's limit."""

import re

from starlette.responses import Response

from trackway.domain.errors import RequestError
from trackway.edge.access.change_queue import Changes
from trackway.projects.project import PROJECT_SETTINGS
from trackway.web.forms import text
from trackway.web.page import Page
from trackway.web.pages import settings


async def change(page: Page, *, changes: Changes, shown: settings.Shown) -> Response:
    number, by = page.project.project_id, page.visitor.account_id
    try:
        wanted = {name: _number(page, name) for name in PROJECT_SETTINGS if name in page.form}
        await changes.run(lambda opened: opened.projects.change_settings(number, wanted, by=by), page.author)
    except RequestError as error:
        return await settings.refused(page, shown, error)
    return settings.done(page, "limits")


def _number(page: Page, name: str) -> int | None:
    given = text(page.form, name).strip()
    if not re.fullmatch(r"[0-9]{0,18}", given):
        raise RequestError(400, f"{name} must be a whole number, or empty for that of the server")
    return int(given) if given else None
