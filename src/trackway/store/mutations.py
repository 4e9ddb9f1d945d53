"""Deletions of rows, which the engine makes beside queries: asked for, and waited for.

The engine writes each part of a partition anew that has such rows. It goes on with that after a crash. So a deletion
that was broken off is waited for, and then asked for again.
"""

import threading
from typing import Any, Final

from trackway.domain.errors import StorageError
from trackway.runtime.background import pause
from trackway.store.client import Store
from trackway.store.limits import MUTATION_POLL_S

_RUNNING: Final = """
SELECT mutation_id, latest_fail_reason
FROM system.mutations WHERE database = currentDatabase() AND table = {table:String} AND NOT is_done"""
_KILL: Final = """
KILL MUTATION WHERE database = currentDatabase() AND table = {table:String} AND mutation_id = {mutation:String}"""
_SHOWN_CHARACTERS_MAX: Final = 300


class Interrupted(StorageError):
    """The process ends. Who deletes goes on after its next start."""


class Mutations:
    """Deletions from the tables of a store, until `stop` is set. Every method raises StorageError."""

    def __init__(self, store: Store, stop: threading.Event):
        self._store = store
        self._stop = stop

    def run(self, table: str, text: str, asked: dict[str, Any]) -> None:
        """Alter a table, and wait until the engine is done with it."""
        self._store.command(f"ALTER TABLE {self._store.holding(table)} {text}", asked)
        self.wait(table)

    def wait(self, table: str) -> None:
        """Wait for the deletions that the table has under way. One that fails is given up."""
        while running := self._store.query(_RUNNING, {"table": table}):
            for mutation, failure in running:
                if failure:
                    self._store.command(_KILL, {"table": table, "mutation": mutation})
                    raise StorageError(f"store: a deletion from {table} failed: {failure[:_SHOWN_CHARACTERS_MAX]}")
            if self._stop.is_set():
                raise Interrupted("the deletion goes on after the next start")
            pause(MUTATION_POLL_S)


def checked_partition(name: str) -> str:
    """A partition's name, which the engine made: it has no quotes."""
    assert all(each.isalnum() or each == "-" for each in name), "a partition's name has no quotes"
    return name
