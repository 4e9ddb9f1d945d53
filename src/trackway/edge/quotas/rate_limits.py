"""The limits of a project: how many requests, records and bytes it may send, and what it may ask (protocol §9).

A request arrives and is counted, or refused with 429 and the time after which one will be let through. A limit counts
over a sliding window (`edge.quotas.counters`), so a project may use all of it at once, and no window holds more than
the limit and what slips through at its end: the rest of the last request (a limit of records or bytes refuses the
request after the one that reaches it, since a single request may be larger than the limit), and one request for each
other edge process that looked in the same microseconds.
"""

import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from trackway.domain.entry import NO_PROJECT
from trackway.domain.errors import RequestError
from trackway.domain.limits import RETRY_AFTER_BUSY_S, RETRY_AFTER_STORAGE_S
from trackway.edge.limits import NOBODY_ROWS_PER_MINUTE, RATE_GRANULES
from trackway.edge.quotas.counters import Usage, Window
from trackway.projects.project import Project
from trackway.settings.table import Settings
from trackway.telemetry import metrics

EXCEEDED = "Project exceeded rate limits. Please retry the request with exponential backoff."
HOUR_S: Final = 3600
MINUTE_S: Final = 60


class Limit(NamedTuple):
    """A limit: `setting` names its size, where 0 is none; `window` is what it counts."""

    setting: str
    window: Window


IMPORTS: Final = Limit("import_requests_per_hour", Window(0, HOUR_S // RATE_GRANULES))
EXPORTS: Final = Limit("export_requests_per_hour", Window(1, HOUR_S // RATE_GRANULES))
RECORDS: Final = Limit("ingest_records_per_minute", Window(2, MINUTE_S // RATE_GRANULES))
BYTES: Final = Limit("ingest_bytes_per_minute", Window(3, MINUTE_S // RATE_GRANULES))
REPORTS: Final = Limit("report_requests_per_hour", Window(5, HOUR_S // RATE_GRANULES))
REJECTED: Final = Window(4, MINUTE_S // RATE_GRANULES)
"""What is kept of rejected records: of a project bytes as they came in, of no project rows of counts."""
LIMITS: Final = (IMPORTS, EXPORTS, REPORTS, RECORDS, BYTES)
WINDOWS: Final = (*(limit.window for limit in LIMITS), REJECTED)
_OF_INGESTION: Final = (IMPORTS.setting, RECORDS.setting, BYTES.setting)
_HOW_TO_CHANGE: Final = "The limit is {setting}: 'trackway project set NAME {setting}=NUMBER' changes it, 0 lifts it."
"""Who brings the history of years meets Mixpanel's limit on imports, which can be lifted here."""


class Asking(NamedTuple):
    """A kind of queries: how many a project may ask in an hour, and the setting of how many may run at once.

    `number`: the place of the number of those that run.
    """

    hourly: Limit
    concurrent: str
    number: int


EXPORTING: Final = Asking(EXPORTS, "export_concurrent_max", 0)
REPORTING: Final = Asking(REPORTS, "report_concurrent_max", 1)


class Use(NamedTuple):
    """How a limit stands. `max` is 0 where there is none; `window_s` is 0 for what runs at once.

    `retry_after_s`: when the next request is let through, 0 for now; `reset_s`: when all that is used is free again.
    """

    limit: str
    max: int
    used: int
    window_s: int
    retry_after_s: int
    reset_s: int

    def told(self) -> dict[str, str | int | None]:
        """As JSON has it: null for what there is none of."""
        return {**self._asdict(), "max": self.max or None, "window_s": self.window_s or None}


class _Full(NamedTuple):
    """A limit of this size was found used up at `since_s`; until then nothing can have become free."""

    size: int
    since_s: float
    until_s: int


class RateLimits:
    """Counts and refuses for one edge process; `directory` is shared by all of them, `worker` is this one's number.

    Raises RequestError 503 when there is no room on the disk for the file that a project's first request is counted in.
    """

    def __init__(self, directory: Path, worker: int, settings: Settings, clock_s: Callable[[], float] = time.time):
        self._settings = settings
        self._usage = Usage(directory, worker, settings.worker_count, clock_s, with_machines=bool(settings.journal_url))
        self.refused: set[int] = set()
        """Projects whose last records were refused."""
        self._full: dict[tuple[int, str], _Full] = {}

    def count_import(self, project: Project) -> None:
        """Count a request to `/import`, before its body is read. Raises RequestError 429 when the project is over this
        limit, or over those of records and bytes."""
        if self._settings.rate_limits:
            self._check(project, IMPORTS)
            self.check_records(project)
            self._usage.add(project.project_id, IMPORTS.window, 1)

    @property
    def limits_records_of_all(self) -> bool:
        """Whether projects without settings of their own have limits of records or bytes."""
        return bool(self._settings.ingest_records_per_minute or self._settings.ingest_bytes_per_minute)

    def limits_records(self, project: Project) -> bool:
        """Whether records or bytes of the project are limited at all: not so by default."""
        if not project.settings and not self.limits_records_of_all:
            return False
        return any(size_of(limit, project, self._settings) for limit in (RECORDS.setting, BYTES.setting))

    def check_records(self, project: Project) -> None:
        """Raises RequestError 429 when records of the project are refused now."""
        try:
            if self.limits_records(project):
                self._check(project, RECORDS)
                self._check(project, BYTES)
        except RequestError:
            self.refused.add(project.project_id)
            raise
        self.refused.discard(project.project_id)

    def count_records(self, project: Project, records: int, size_bytes: int) -> None:
        """Count records that were let through, and their bytes as JSON."""
        if self.limits_records(project):
            self._usage.add(project.project_id, RECORDS.window, records)
            self._usage.add(project.project_id, BYTES.window, size_bytes)

    def rejected_left(self, project_id: int) -> int:
        """How much more may be kept of rejected records now: bytes of a project's, rows of those of no project."""
        nobody = project_id == NO_PROJECT
        most = NOBODY_ROWS_PER_MINUTE if nobody else self._settings.rejected_bytes_per_minute
        try:
            return max(most - self._usage.used(project_id, REJECTED), 0)
        except OSError:  # no room for the file that it is counted in, and soon none for a record
            return most

    def count_rejected(self, kept: Mapping[int, int]) -> None:
        """Count what was kept, by project, where there is room to count."""
        with suppress(OSError):
            for project_id, amount in kept.items():
                if amount:
                    self._usage.add(project_id, REJECTED, amount)

    def begin(self, project: Project, kind: Asking, *, counted: bool = True) -> None:
        """Begin a query of a kind, which runs until `end`; one that is not `counted` is bound by the number that run at
        once alone. Raises RequestError 429."""
        if not self._settings.rate_limits:
            return
        try:
            running = self._usage.running(project.project_id, kind.number)
        except OSError as error:
            raise _no_room(error) from error
        if running >= size_of(kind.concurrent, project, self._settings):
            raise _refusal(project, kind.concurrent, RETRY_AFTER_BUSY_S)
        if counted:
            self._check(project, kind.hourly)
            self._usage.add(project.project_id, kind.hourly.window, 1)
        self._usage.begin(project.project_id, kind.number)

    def end(self, project: Project, kind: Asking) -> None:
        if self._settings.rate_limits:
            self._usage.end(project.project_id, kind.number)

    def uses(self, project: Project) -> list[Use]:
        """How each limit of the project stands."""
        try:
            return uses(self._usage, project, self._settings)
        except OSError as error:
            raise _no_room(error) from error

    def _check(self, project: Project, limit: Limit) -> None:
        size = size_of(limit.setting, project, self._settings)
        if size:
            now_s, key = self._usage.now_s(), (project.project_id, limit.setting)
            full = self._full.get(key)
            if full is None or full.size != size or not full.since_s <= now_s < full.until_s:
                until_s = self._below_at_s(project, limit, size)
                if not until_s:
                    return
                self._full[key] = _Full(size, now_s, until_s)
            raise _refusal(project, limit.setting, math.ceil(self._full[key].until_s - now_s))

    def _below_at_s(self, project: Project, limit: Limit, size: int) -> int:
        try:
            if self._usage.used(project.project_id, limit.window) < size:
                return 0
        except OSError as error:
            raise _no_room(error) from error
        return self._usage.below_at_s(project.project_id, limit.window, size)


def size_of(setting: str, project: Project, settings: Settings) -> int:
    """A limit of a project; 0 is none."""
    return project.setting(setting, getattr(settings, setting)) if settings.rate_limits else 0


def uses(usage: Usage, project: Project, settings: Settings) -> list[Use]:
    """How each limit of a project stands. Raises OSError when the counts cannot be read."""
    kinds = (EXPORTING, REPORTING)
    return [
        *(_use(usage, project, limit, settings) for limit in LIMITS),
        *(_running(usage, project, kind, settings) for kind in kinds),
    ]


def _use(usage: Usage, project: Project, limit: Limit, settings: Settings) -> Use:
    of, window, now_s = project.project_id, limit.window, usage.now_s()
    size = size_of(limit.setting, project, settings)
    below_at_s, free_at_s = usage.below_at_s(of, window, size) if size else 0, usage.below_at_s(of, window, 1)
    retry_after_s, reset_s = (max(math.ceil(at_s - now_s), 0) for at_s in (below_at_s, free_at_s))
    return Use(limit.setting, size, usage.used(of, window), window.length_s, retry_after_s, reset_s)


def _running(usage: Usage, project: Project, kind: Asking, settings: Settings) -> Use:
    size, running = size_of(kind.concurrent, project, settings), usage.running(project.project_id, kind.number)
    wait_s = RETRY_AFTER_BUSY_S if size and running >= size else 0
    return Use(kind.concurrent, size, running, 0, wait_s, RETRY_AFTER_BUSY_S if running else 0)


def _refusal(project: Project, setting: str, retry_after_s: int) -> RequestError:
    metrics.rate_limited(project.project_id, setting)
    how = _HOW_TO_CHANGE.replace("{setting}", setting)
    message = f"{EXCEEDED} {how}" if setting in _OF_INGESTION else EXCEEDED
    return RequestError(429, message, retry_after_s=retry_after_s)


def _no_room(error: OSError) -> RequestError:
    reason = f"requests cannot be counted: {(error.strerror or str(error)).lower()}"
    return RequestError(503, reason, retry_after_s=RETRY_AFTER_STORAGE_S)
