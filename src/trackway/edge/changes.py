"""Changes of projects and service accounts that people ask an edge process for: over the API, and on the web pages.

What to do arrives as a function of the database; what it returns leaves, and the process knows of the change at once.
All of it happens in one quiet thread with a short queue, and the database is opened by SQLAlchemy for the first of
them, since few edge processes ever see one.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from trackway.edge.verification import QuietThread
from trackway.errors import ConfigError, RequestError, StorageError
from trackway.limits import RETRY_AFTER_STORAGE_S
from trackway.projects.directory import ProjectDirectory
from trackway.projects.granting import NotGranted, UnknownAccount

if TYPE_CHECKING:
    from trackway.projects.accounts import ServiceAccounts
    from trackway.projects.database import ProjectsDatabase

Result = TypeVar("Result")


class Opened(NamedTuple):
    """The database, and its service accounts."""

    projects: "ProjectsDatabase"
    accounts: "ServiceAccounts"


class Changes:
    """`at`: where the database is."""

    def __init__(self, directory: ProjectDirectory, at: Path | str):
        self._directory = directory
        self._at = at
        self._thread = QuietThread("changes")
        self._opened: Opened | None = None

    async def run(self, change: Callable[[Opened], Result]) -> Result:
        """What the change returns. Raises RequestError: 404 and 403 for what the actor may not know or do, 400 for what
        cannot be, 503 when the database is away or too much waits."""
        return await self._thread.run(lambda: self._run(change))

    def close(self) -> None:
        self._thread.close()

    def _run(self, change: Callable[[Opened], Result]) -> Result:
        """In the thread. The one place where errors of the rules become those of HTTP."""
        try:
            done = change(self._open())
        except UnknownAccount as error:
            raise RequestError(404, str(error)) from error
        except NotGranted as error:
            raise RequestError(403, str(error)) from error
        except ConfigError as error:
            raise RequestError(400, str(error)) from error
        except StorageError as error:
            raise RequestError(503, "projects cannot be changed now", retry_after_s=RETRY_AFTER_STORAGE_S) from error
        self._directory.refresh()
        return done

    def _open(self) -> Opened:
        if self._opened is None:
            from trackway.projects.accounts import ServiceAccounts  # noqa: PLC0415  # half a second and 40 MB
            from trackway.projects.database import ProjectsDatabase  # noqa: PLC0415

            database = ProjectsDatabase(self._at)
            self._opened = Opened(database, ServiceAccounts(database))
        return self._opened
