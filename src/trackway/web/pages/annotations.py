"""Annotations of a report's chart: the forms that add and remove one. They are those of the API.

Each form comes from a page of reports, and leads back to it.
"""

from typing import Final
from urllib.parse import parse_qsl, urlencode

from starlette.responses import RedirectResponse, Response

from trackway.domain.errors import RequestError
from trackway.edge.access.change_queue import Changes, Opened
from trackway.projects.saved import Annotation, check_annotation_text, check_time
from trackway.web.annotations import notes_between
from trackway.web.chart_notes import Note, Span
from trackway.web.forms import text
from trackway.web.limits import WEB_FORM_FIELDS_MAX
from trackway.web.page import Page
from trackway.web.report_kinds import KINDS
from trackway.web.saved_report import creator_of, id_of

PATH: Final = "/annotations"


async def notes_in(page: Page, changes: Changes, span: Span) -> list[Note] | None:
    """The annotations that a page of reports shows, as `notes_between` gives them."""
    return await notes_between(changes, page.author, page.project.project_id, span)


async def add(page: Page, *, changes: Changes) -> Response:
    """The form with a day or a time, and a text."""
    project_id, creator, back = page.project.project_id, creator_of(page), _back(page)
    when = text(page.form, "date").replace("T", " ")
    when = f"{when}:00" if len(when) == len("2026-11-29 12:00") else when

    def create(opened: Opened) -> Annotation:
        described = check_annotation_text(text(page.form, "description").strip())
        columns = {"date": check_time("the time", when), "description": described, "tags": []}
        return opened.saved.create(Annotation, project_id, columns, creator)

    await changes.run(create, page.author)
    return RedirectResponse(back, 303)


async def remove(page: Page, *, changes: Changes) -> Response:
    """The button beside an annotation."""
    number, project_id, back = id_of(text(page.form, "annotation"), "annotation"), page.project.project_id, _back(page)
    await changes.run(lambda opened: opened.saved.delete(Annotation, project_id, number), page.author)
    return RedirectResponse(back, 303)


def _back(page: Page) -> str:
    """The page of reports that the form is on. Raises RequestError 400."""
    kind = KINDS.get(text(page.form, "type"))
    if kind is None:
        raise RequestError(400, f"type must be one of {', '.join(KINDS)}")
    try:
        fields = parse_qsl(text(page.form, "question"), keep_blank_values=True, max_num_fields=WEB_FORM_FIELDS_MAX)
    except ValueError as error:
        raise RequestError(400, "question has too many fields") from error
    return f"{page.url(kind.path)}?{urlencode(fields)}"
