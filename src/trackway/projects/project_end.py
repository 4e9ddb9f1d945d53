"""Changes of what a project is: its name and description, and its end in two steps.

An archived project takes nothing any more: its keys are unknown, and its pages are read. It may be taken up again. A
deleted project is found by nobody. Its row stays without keys and members, so that its id is never used again and its
data can be removed by it. Its name is free at once.
"""

import time

from sqlalchemy import delete as delete_rows
from sqlalchemy import update

from trackway.domain.errors import InvalidInput
from trackway.projects.audit import Note
from trackway.projects.change import Change
from trackway.projects.key_rotation import new_key
from trackway.projects.limits import PROJECT_NAME_CHARACTERS_MAX
from trackway.projects.project import Project, check_name, check_project_description
from trackway.projects.tables.accounts import memberships
from trackway.projects.tables.projects import old_keys, projects


def describe(change: Change, project: Project, name: str, description: str) -> None:
    """Raises InvalidInput, and IntegrityError for a taken name."""
    columns = {"name": check_name(name), "description": check_project_description(description)}
    _update(change, project, **columns)
    change.note(Note("project described", project.project_id, name))


def archive(change: Change, project: Project, *, archived: bool) -> None:
    """Archive it, or take it up again. No change where it is so already."""
    if archived is project.is_archived:
        change.note()
        return
    _update(change, project, archived_at_ms=_now_ms() if archived else None)
    change.note(Note("project archived" if archived else "project taken up", project.project_id, project.name))


def delete(change: Change, project: Project, typed_name: str) -> None:
    """Delete it. Raises InvalidInput unless `typed_name` is its name."""
    if typed_name != project.name:
        raise InvalidInput("type the name of the project as it is, to delete it")
    # No project can have this name, since a newline is not printable.
    freed = f"deleted {project.project_id}\n{project.name}"[:PROJECT_NAME_CHARACTERS_MAX].rstrip()
    _update(change, project, name=freed, token=new_key(), secret=new_key(), deleted_at_ms=_now_ms())
    for table in (old_keys, memberships):
        change.connection.execute(delete_rows(table).where(table.c.project_id == project.project_id))
    change.note(Note("project deleted", project.project_id, project.name))


def _update(change: Change, project: Project, **columns: object) -> None:
    change.connection.execute(update(projects).where(projects.c.project_id == project.project_id).values(**columns))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
