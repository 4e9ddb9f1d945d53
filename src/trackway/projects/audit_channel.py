"""The log channel `audit`, for log collectors. A command beside the server has no log, and writes nothing to it."""

import structlog

from trackway.projects.audit import Author, Note
from trackway.telemetry import logs

_log = logs.get("audit")


def tell(author: Author, note: Note, times: int = 1) -> None:
    if not structlog.is_configured():
        return
    where = {"project_id": note.project_id} if note.project_id else {}
    counted = {"times": times} if times > 1 else {}
    _log.info(note.action, who=author.name, address=author.address, subject=note.subject, **where, **counted)
