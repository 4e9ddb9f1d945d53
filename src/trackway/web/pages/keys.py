"""A project's token and secret: shown when asked for, and replaced with a time in which both are valid."""

from starlette.responses import Response

from trackway.errors import ConfigError, RequestError
from trackway.projects.project import KEY_KINDS, KeyKind
from trackway.projects.rotation import read_overlap_s
from trackway.web.forms import text
from trackway.web.page import Page
from trackway.web.pages import settings


async def show(page: Page) -> Response:
    """The page with one of the keys in clear. A POST, so that no history or log can ask for it again."""
    kind = _kind(page)
    return await settings.draw(page, keys={kind: page.project.token if kind == "token" else page.project.secret})


async def replace(page: Page) -> Response:
    try:
        kind, overlap_s = _kind(page), read_overlap_s(text(page.form, "overlap"))
        name = str(page.project.project_id)
        await page.parts.changes.run(lambda opened: opened.projects.rotate(name, kind, overlap_s))
    except ConfigError as error:
        return await settings.refused(page, RequestError(400, str(error)))
    except RequestError as error:
        return await settings.refused(page, error)
    return settings.done(page, kind)


def _kind(page: Page) -> KeyKind:
    given = text(page.form, "kind")
    for kind in KEY_KINDS:
        if given == kind:
            return kind
    raise RequestError(400, f"kind must be one of {', '.join(KEY_KINDS)}")
