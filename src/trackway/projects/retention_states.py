"""Writes what counts for the ageing of a region's data: the default retention that may delete, and the clock.

A setting in a file, or a clock that is set ahead, deletes nothing by itself. Both count once they are noted here.
"""

from sqlalchemy import Update, insert, update
from sqlalchemy.exc import IntegrityError

from trackway.domain.data_age import in_days
from trackway.projects.audit import Note
from trackway.projects.database import ProjectsDatabase
from trackway.projects.read_statements import RetentionState
from trackway.projects.tables.projects import retention_states


class RetentionStates:
    """Every method is durable at return, and raises StorageError."""

    def __init__(self, database: ProjectsDatabase, region: str):
        self._database = database
        self._region = region

    def begin(self, state: RetentionState) -> None:
        """Note the first state. Where another server was quicker, its state stays."""
        row = {"region": self._region, **state._asdict()}
        try:
            with self._database.saving() as change:
                change.note()
                change.connection.execute(insert(retention_states).values(row))
        except IntegrityError:
            return

    def confirm_default(self, days: int) -> None:
        """Let this default retention count from the next start on."""
        with self._database.saving() as change:
            change.note(Note("default retention confirmed", subject=in_days(days)))
            change.connection.execute(self._update().values(default_days=days))

    def confirm_clock(self, now_ms: int) -> None:
        """Let the clock count, whatever was noted before. A server that runs notices it by the revision."""
        with self._database.changing() as change:
            change.note(Note("clock confirmed"))
            change.connection.execute(self._update().values(clock_ms=now_ms))

    def saw(self, now_ms: int) -> None:
        """Note the time of a clock that is right."""
        with self._database.saving() as change:
            change.note()
            change.connection.execute(self._update().values(clock_ms=now_ms))

    def _update(self) -> Update:
        return update(retention_states).where(retention_states.c.region == self._region)
