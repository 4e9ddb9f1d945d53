"""Processes that ask the rate limits at once; started by the tests of `edge.quotas.rate_limits`."""

import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

from trackway.domain.errors import RequestError
from trackway.edge.quotas.rate_limits import RateLimits
from trackway.projects.project import Project
from trackway.settings.table import Settings

NOON_S = 1_760_000_400.0


def a_project(project_id: int = 1, **settings: int) -> Project:
    return Project(project_id, f"project {project_id}", "t" * 32, "s" * 32, "us", 0, settings)


class FileClock:
    """A clock that all processes read from one file, set by the test while it holds them at a barrier."""

    def __init__(self, path: Path):
        self._path = path

    def __call__(self) -> float:
        return float(self._path.read_text())

    def set(self, now_s: float) -> None:
        self._path.write_text(repr(now_s))


def count(path: Path, worker: int, workers: int, limit: int, calls: int, turn: Barrier, turns: int) -> None:
    """In each turn make so many calls at once with the other processes; `<path>/../answer-<worker>` tells how many
    were let through in each, a line a turn."""
    settings = Settings(workers=workers, import_requests_per_hour=limit)
    clock = FileClock(path.with_name("clock"))
    now_s = clock()
    rates = RateLimits(path, worker, settings, lambda: now_s)
    passed = []
    for _ in range(turns):
        turn.wait()
        now_s = clock()
        turn.wait()
        passed.append(sum(_is_let_through(rates) for _ in range(calls)))
        turn.wait()
    path.with_name(f"answer-{worker}").write_text("\n".join(map(str, passed)))


def _is_let_through(rates: RateLimits) -> bool:
    try:
        rates.count_import(a_project())
    except RequestError:
        return False
    time.sleep(0)  # so that others come in between, also with few cores
    return True
