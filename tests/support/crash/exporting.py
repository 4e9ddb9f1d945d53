"""Somebody who exports all the time, while processes are killed under load.

An export is answered with a 200 or a 503, or breaks off with the process that sends it; it never hangs. A 200 that came
to its end holds nothing twice, and nothing that an earlier one held is gone.
"""

import asyncio
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from http.client import HTTPException

from tests.support.http.exchange import Reply, Request, ask
from tests.support.server import Project, basic

ANSWER_S_MAX = 90.0
"""The store may be killed again while it starts, and each start waits longer than the one before."""
PAUSE_S = 0.2
TARGET = "/api/2.0/export?from_date=1971-01-01&to_date=2100-01-01"


class Exports:
    """Exports of some projects in turn, by one client. `answers` counts statuses, and what became of the others."""

    def __init__(self, port: Callable[[], int], projects: Sequence[Project]):
        self.answers: Counter[str] = Counter()
        self.slowest_s = 0.0
        self._port = port
        self._projects = projects
        self._seen: defaultdict[int, set[int]] = defaultdict(set)
        self._stopping = False

    async def run(self) -> None:
        """Until `stop`, and until one was answered: on a fast machine all kills may be over in three seconds. Raises
        AssertionError for an answer that is not right."""
        while not (self._stopping and self.answered):
            for project in self._projects:
                await asyncio.to_thread(self._export, project)
            await asyncio.sleep(PAUSE_S)

    @property
    def answered(self) -> int:
        return self.answers["200"] + self.answers["503"]

    def stop(self) -> None:
        self._stopping = True

    def _export(self, project: Project) -> None:
        began_s = time.monotonic()
        try:
            reply = ask(self._port(), Request("GET", TARGET, (basic(project.secret),)), timeout_s=ANSWER_S_MAX)
        except TimeoutError as error:
            raise AssertionError(f"an export had no answer within {ANSWER_S_MAX} s") from error
        except ConnectionRefusedError:
            self.answers["not listening"] += 1
            return
        except (OSError, HTTPException):
            self.answers["broken"] += 1
            return
        self.slowest_s = max(self.slowest_s, time.monotonic() - began_s)
        self.answers[str(reply.status)] += 1
        self._check(project, reply)

    def _check(self, project: Project, reply: Reply) -> None:
        assert reply.status in {200, 503}, (reply.status, reply.body[:500])
        if reply.status == 503:
            return
        held = Counter(json.loads(line)["properties"]["sequence"] for line in reply.body.splitlines())
        doubled = [sequence for sequence, times in held.items() if times > 1]
        assert not doubled, f"an export holds events twice: {doubled[:5]}"
        gone = self._seen[project.project_id] - held.keys()
        assert not gone, f"{len(gone)} events that were exported before are gone: {sorted(gone)[:5]}"
        self._seen[project.project_id] |= held.keys()
