"""Changes of projects that people ask an edge process for: what a full queue answers."""

import asyncio
import threading
from pathlib import Path

import pytest

from tests.support.projects.migrated import migrated_file
from trackway.domain.errors import RequestError
from trackway.edge.access.change_queue import Changes, Opened
from trackway.edge.limits import CHANGES_WAITING_MAX
from trackway.projects.audit import SERVER
from trackway.projects.project_lookup import ProjectDirectory


def test_full_queue_of_changes_says_that_changes_wait(tmp_path: Path) -> None:
    path = tmp_path / "projects.db"
    migrated_file(path)
    go_on = threading.Event()

    def wait(_: Opened) -> bool:
        return go_on.wait(30)

    async def refused() -> RequestError:
        changes = Changes(ProjectDirectory(path), path)
        waiting = [asyncio.create_task(changes.run(wait, SERVER)) for _ in range(CHANGES_WAITING_MAX)]
        await asyncio.sleep(0)
        try:
            with pytest.raises(RequestError) as found:
                await changes.run(wait, SERVER)
        finally:
            go_on.set()
        assert await asyncio.gather(*waiting) == [True] * CHANGES_WAITING_MAX
        changes.close()
        return found.value

    error = asyncio.run(refused())
    assert (error.status, error.message) == (503, "too many changes wait to be made")
