"""The audit as an edge process writes it: actions that do not change the projects database.

A note goes to the log at once, and to the database in the thread that changes it. So nobody waits for it, and a sign-in
works while the database is away. Refusals are counted by name and address, and written together: a flood of them costs
one row an hour for each address.
"""

import asyncio
import time
from collections import Counter
from contextlib import closing
from functools import partial
from pathlib import Path

from trackway.edge.access.change_queue import Changes, Opener
from trackway.edge.limits import AUDIT_FORGET_S, AUDIT_REFUSALS_HELD_MAX, AUDIT_WRITE_S
from trackway.projects.audit import Author, Note
from trackway.projects.audit_channel import tell
from trackway.projects.drivers import open_reader

_OTHERS = Author("", "others")


class Audit:
    """`at`: where the projects database is."""

    def __init__(self, changes: Changes, at: Path | str, retention_days: int):
        self._changes = changes
        self._at = at
        self._retention_ms = retention_days * 86_400_000
        self._refused: Counter[tuple[Author, Note]] = Counter()

    def note(self, author: Author, note: Note) -> None:
        tell(author, note)
        self._changes.later(partial(_note, author, note))

    def refused(self, author: Author, note: Note) -> None:
        if (author, note) not in self._refused and len(self._refused) >= AUDIT_REFUSALS_HELD_MAX:
            author = _OTHERS
        self._refused[author, note] += 1

    async def write_for_ever(self) -> None:
        """Write the refusals, and remove entries that are too old."""
        forgot_s = time.monotonic() - AUDIT_FORGET_S
        while True:
            await asyncio.sleep(AUDIT_WRITE_S)
            self.write_refused()
            if time.monotonic() - forgot_s >= AUDIT_FORGET_S:
                forgot_s = time.monotonic()
                self._changes.later(self._forget)

    def write_refused(self) -> None:
        refused, self._refused = self._refused, Counter()
        for (author, note), count in refused.items():
            tell(author, note, count)
        if refused:
            self._changes.later(lambda opened: opened().projects.count_refused(refused))

    def _forget(self, opened: Opener) -> None:
        """Reads first without SQLAlchemy, which most edge processes never import."""
        before_ms = time.time_ns() // 1_000_000 - self._retention_ms
        with closing(open_reader(self._at)) as reader:
            oldest_ms = reader.oldest_audit_ms()
        if oldest_ms is not None and oldest_ms < before_ms:
            opened().projects.forget_audit(before_ms)


def _note(author: Author, note: Note, opened: Opener) -> None:
    opened().projects.by(author).note(note)
