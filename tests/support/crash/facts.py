"""The facts of a stopped server: with newer events they are the events, and a new compactor goes on with them."""

import threading
from contextlib import closing
from pathlib import Path

from tests.support.compaction.compared import check
from tests.support.store.process import running_store
from trackway.compaction.compactor import Compactor
from trackway.store.client import Store

_NAMES = ("sequence",)


class _Loaded:
    """The progress of a journal that is loaded."""

    has_begun = True

    def ends(self) -> tuple[int, ...]:
        return (0,)

    def has_loaded(self, _mark: tuple[int, ...]) -> bool:
        return True


def check_facts(directory: Path) -> int:
    """Check the facts of each project as they were left, and after a compactor had nothing left to do. Returns how many
    projects had facts that counted."""
    with running_store(directory) as running, closing(Store(running.url)) as store:
        projects = [int(project) for (project,) in store.query("SELECT DISTINCT project_id FROM events")]
        found = sum(check(store, project, _NAMES) is not None for project in projects)
        compactor = Compactor(store, _Loaded(), threading.Event(), lambda: True)  # type: ignore[arg-type]
        while compactor.turn():
            pass
        assert all(check(store, project, _NAMES) is not None for project in projects)
    return found
