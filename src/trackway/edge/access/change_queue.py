"""Changes of projects, accounts and what projects have saved, requested over the API or on the web pages.

A change arrives as a function of the database. Its result leaves, and this process knows of the change at once. All
changes run in one thread of low priority with a short queue, and so do requests for saved reports, cohorts and
annotations, which no process keeps in memory. SQLAlchemy opens the database for the first of them, since few edge
processes ever make one.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from trackway.domain.errors import InvalidInput, RequestError, StorageError
from trackway.domain.limits import RETRY_AFTER_BUSY_S, RETRY_AFTER_STORAGE_S
from trackway.edge.limits import CHANGES_END_S, CHANGES_LATER_MAX, CHANGES_WAITING_MAX
from trackway.projects.audit import Author
from trackway.projects.authorization import NotGranted, UnknownAccount
from trackway.projects.project_lookup import ProjectDirectory
from trackway.projects.saved import UnknownSaved
from trackway.runtime.thread_priority import lower_priority
from trackway.telemetry import logs

if TYPE_CHECKING:
    from trackway.projects.account_changes import ServiceAccounts
    from trackway.projects.alert_table import Alerts
    from trackway.projects.database import ProjectsDatabase
    from trackway.projects.person_task_table import PersonTasks
    from trackway.projects.personal_account_changes import PersonalAccounts
    from trackway.projects.saved_table import Saved
    from trackway.projects.second_factor_changes import SecondFactors
    from trackway.projects.session_rows import SessionRows

Result = TypeVar("Result")
_log = logs.get("changes")


class Opened(NamedTuple):
    """The database, its service accounts, those of people with their sessions and second factors, what its projects
    have saved, their alerts, and their tasks about persons."""

    projects: "ProjectsDatabase"
    accounts: "ServiceAccounts"
    people: "PersonalAccounts"
    sessions: "SessionRows"
    second_factors: "SecondFactors"
    saved: "Saved"
    alerts: "Alerts"
    person_tasks: "PersonTasks"

    def by(self, author: Author) -> "Opened":
        """The same, for changes that the author makes."""
        database = self.projects.by(author)
        return Opened(
            database,
            type(self.accounts)(database),
            type(self.people)(database),
            type(self.sessions)(database),
            type(self.second_factors)(database),
            type(self.saved)(database),
            type(self.alerts)(database),
            type(self.person_tasks)(database),
        )


Opener = Callable[[], Opened]
"""Opens the database, or gives what is open."""


class Changes:
    """`at`: where the database is."""

    def __init__(self, directory: ProjectDirectory, at: Path | str):
        self._directory = directory
        self._at = at
        self._executor = ThreadPoolExecutor(1, "changes", lower_priority)
        self._waiting = 0
        self._pending: set[Future[None]] = set()
        self._opened: Opened | None = None

    async def run(self, change: Callable[[Opened], Result], author: Author) -> Result:
        """The result of the change, which the audit ascribes to `author`. Raises RequestError: 404 and 403 for what the
        author may not see or do, 400 for bad input, 503 when the database is away or too many changes wait."""
        if self._waiting >= CHANGES_WAITING_MAX:
            raise RequestError(503, "too many changes wait to be made", retry_after_s=RETRY_AFTER_BUSY_S)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, self._run, change, author)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Drop the changes that wait. Notes for the audit have CHANGES_END_S to be written."""
        wait(self._pending, CHANGES_END_S)
        self._executor.shutdown(wait=False, cancel_futures=True)

    def later(self, work: Callable[[Opener], None]) -> None:
        """Do the work after the changes that wait, without a caller that waits for it. Failures are logged, and so is
        work beyond CHANGES_LATER_MAX."""
        if len(self._pending) >= CHANGES_LATER_MAX:
            _log.error("too many notes wait to be written to the projects database")
            return
        doing = self._executor.submit(self._do, work)
        self._pending.add(doing)
        doing.add_done_callback(self._pending.discard)

    def _do(self, work: Callable[[Opener], None]) -> None:
        try:
            work(self._open)
        except StorageError as error:
            _log.error("a note cannot be written to the projects database", error=str(error))
        except Exception:  # the outermost place: nobody reads the result
            _log.exception("a note cannot be written to the projects database")

    def _run(self, change: Callable[[Opened], Result], author: Author) -> Result:
        """In the thread. The one place where errors of the rules become those of HTTP."""
        try:
            done = change(self._open().by(author))
        except (UnknownAccount, UnknownSaved) as error:
            raise RequestError(404, str(error)) from error
        except NotGranted as error:
            raise RequestError(403, str(error)) from error
        except InvalidInput as error:
            raise RequestError(400, str(error)) from error
        except StorageError as error:
            raise RequestError(
                503, "the projects database cannot be reached now", retry_after_s=RETRY_AFTER_STORAGE_S
            ) from error
        self._directory.refresh()
        return done

    def _open(self) -> Opened:
        if self._opened is None:
            from trackway.projects.account_changes import ServiceAccounts  # noqa: PLC0415  # half a second and 40 MB
            from trackway.projects.alert_table import Alerts  # noqa: PLC0415
            from trackway.projects.database import ProjectsDatabase  # noqa: PLC0415
            from trackway.projects.person_task_table import PersonTasks  # noqa: PLC0415
            from trackway.projects.personal_account_changes import PersonalAccounts  # noqa: PLC0415
            from trackway.projects.saved_table import Saved  # noqa: PLC0415
            from trackway.projects.second_factor_changes import SecondFactors  # noqa: PLC0415
            from trackway.projects.session_rows import SessionRows  # noqa: PLC0415

            database = ProjectsDatabase(self._at)
            saved, alerts, tasks = Saved(database), Alerts(database), PersonTasks(database)
            accounts, people = ServiceAccounts(database), PersonalAccounts(database)
            sessions, factors = SessionRows(database), SecondFactors(database)
            self._opened = Opened(database, accounts, people, sessions, factors, saved, alerts, tasks)
        return self._opened
