"""However many ask for a look at the database, one runs and one waits, and each sees what was there when it asked."""

import asyncio
import threading
import time
from typing import cast

from tests.support.waiting import POLL_S
from trackway.edge.access.project_refresh import FreshProjects
from trackway.projects.project_lookup import ProjectDirectory


class SlowDirectory:
    """Takes over what is in the database when a look begins, and ends the look when it is let go."""

    def __init__(self) -> None:
        self.database = self.known = self.looks = self.at_once = self.most_at_once = 0
        self.go = threading.Event()

    def refresh(self) -> bool:
        self.looks += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        found = self.database
        self.go.wait(30)
        self.known = found
        self.at_once -= 1
        return True


def test_many_who_ask_at_once_share_a_look_that_begins_after_they_asked() -> None:
    directory = SlowDirectory()
    projects = FreshProjects(cast("ProjectDirectory", directory))

    async def sees(what: int) -> bool:
        await projects.look()
        return directory.known >= what

    async def all_ask() -> list[bool]:
        first = asyncio.create_task(sees(0))
        while not directory.looks:
            await asyncio.sleep(POLL_S)
        directory.database = 1
        others = [asyncio.create_task(sees(1)) for _ in range(100)]
        began_s = time.monotonic()
        await asyncio.to_thread(time.sleep, 0.05)
        assert time.monotonic() - began_s < 5, "threads are free for others"
        directory.go.set()
        return await asyncio.gather(first, *others)

    assert asyncio.run(all_ask()) == [True] * 101
    assert (directory.looks, directory.most_at_once) == (2, 1)
