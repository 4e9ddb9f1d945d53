"""The annotations of a project in a range of time, numbered for a chart."""

from trackway.domain.errors import RequestError
from trackway.edge.access.change_queue import Changes
from trackway.projects.audit import Author
from trackway.projects.saved import Annotation
from trackway.web.chart_notes import Note, Span, numbered


async def notes_between(changes: Changes, author: Author, project_id: int, span: Span) -> list[Note] | None:
    """None while the projects database is away, since a chart has its figures without them."""
    try:
        found = await changes.run(
            lambda opened: opened.saved.between(Annotation, project_id, "date", span.first, span.last), author
        )
    except RequestError as error:
        if error.status != 503:
            raise
        return None
    return numbered(found)
