"""A process that asks the rate limits as often as it can; started by the tests of `edge.ratelimit`."""

from multiprocessing.synchronize import Barrier
from pathlib import Path

from trackway.edge.ratelimit import RateLimits
from trackway.errors import RequestError
from trackway.projects.project import Project
from trackway.settings import Settings

NOON_S = 1_760_000_400.0


def a_project(project_id: int = 1, **settings: int) -> Project:
    return Project(project_id, f"project {project_id}", "t" * 32, "s" * 32, "us", 0, settings)


def count(path: Path, worker: int, workers: int, limit: int, calls: int, start: Barrier, answer: Path) -> None:
    """Make so many calls at once with the other processes; the file `answer` gets the number let through."""
    settings = Settings(workers=workers, import_requests_per_hour=limit)
    rates = RateLimits(path, worker, settings, lambda: NOON_S)
    start.wait()
    passed = 0
    for _ in range(calls):
        try:
            rates.count_import(a_project())
        except RequestError:
            continue
        passed += 1
    answer.write_text(str(passed))
