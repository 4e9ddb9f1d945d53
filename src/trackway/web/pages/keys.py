"""A project's token and secret: shown on request, and replaced with an overlap in which both are valid."""

from starlette.responses import Response

from trackway.domain.errors import InvalidInput, RequestError
from trackway.edge.access.audit_writer import Audit
from trackway.edge.access.change_queue import Changes
from trackway.projects.audit import Note
from trackway.projects.key_rotation import read_overlap_s
from trackway.projects.project import KEY_KINDS, KeyKind
from trackway.web.forms import text
from trackway.web.page import Page
from trackway.web.pages import settings


async def show(page: Page, *, audit: Audit, shown: settings.Shown) -> Response:
    """The page with one of the keys in clear. It is a POST, so that no history or log can repeat the request."""
    kind = _kind(page)
    audit.note(page.author, Note("key shown", page.project.project_id, kind))
    return await settings.draw(page, shown, keys={kind: page.project.token if kind == "token" else page.project.secret})


async def replace(page: Page, *, changes: Changes, shown: settings.Shown) -> Response:
    try:
        kind, overlap_s = _kind(page), read_overlap_s(text(page.form, "overlap"))
        name = str(page.project.project_id)
        await changes.run(lambda opened: opened.projects.rotate(name, kind, overlap_s), page.author)
    except InvalidInput as error:
        return await settings.refused(page, shown, RequestError(400, str(error)))
    except RequestError as error:
        return await settings.refused(page, shown, error)
    return settings.done(page, kind)


def _kind(page: Page) -> KeyKind:
    given = text(page.form, "kind")
    for kind in KEY_KINDS:
        if given == kind:
            return kind
    raise RequestError(400, f"kind must be one of {', '.join(KEY_KINDS)}")
