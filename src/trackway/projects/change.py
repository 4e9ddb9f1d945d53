"""One change of the projects database: its transaction, and what the audit will say about it."""

from sqlalchemy import Connection

from trackway.projects.audit import Note


class Change:
    """A transaction that changes projects, keys or accounts. It collects notes for the audit."""

    def __init__(self, connection: Connection):
        self.connection = connection
        self.notes: list[Note] | None = None

    def note(self, *notes: Note) -> None:
        """Add notes for the audit. A change that never calls this is refused: call it without notes for no effect."""
        self.notes = [*(self.notes or ()), *notes]
