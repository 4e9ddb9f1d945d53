"""A project's settings: its keys, its limits, where its data lives, how ids are linked, and who may do what."""

from starlette.responses import Response

from trackway.web.page import Page, render


async def show(page: Page) -> Response:
    return render(page, "settings.html", limits=page.parts.rates.uses(page.project))
