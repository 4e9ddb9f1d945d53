"""The projects as an edge process sees them: look-ups in memory, renewed from the database.

A token, a secret or an id arrives; the project it stands for leaves, or None; a user name, and its service account.
Keys that are credentials are looked up by a keyed digest, so that the time an answer takes tells nothing about how much
of a guess was right. When the database is away the last view stays in force: a project that worked goes on working.
"""

import os
import threading
import time
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple, Protocol, TypeVar

from trackway.errors import StorageError
from trackway.projects.account import Account
from trackway.projects.project import Project
from trackway.projects.sqlite import SqliteReader

MISS_INTERVAL_S_MIN: Final = 0.001
"""An unknown key asks SQLite again, 15 µs, but not more often than this: a new project works at once."""
REMOTE_MISS_INTERVAL_S_MIN: Final = 0.2
"""The same for a database that is not on this machine."""
AWAY_MISS_INTERVAL_S_MIN: Final = 2.0
"""The same while the database cannot be read: finding that out again may block for a while. `refresh` finds it back."""


Found = TypeVar("Found")


class ProjectSource(Protocol):
    """Where projects are read from; every method may raise StorageError."""

    def revision(self) -> int: ...

    def all_projects(self) -> Sequence[Project]: ...

    def all_accounts(self) -> Sequence[Account]: ...


class _View(NamedTuple):
    """One state of the database, replaced as a whole so that a reader in another thread never sees half of one."""

    revision: int
    by_id: dict[int, Project]
    by_token: dict[str, Project]
    by_token_digest: dict[bytes, Project]
    by_secret_digest: dict[bytes, Project]
    by_username: dict[str, Account]


class ProjectDirectory:
    """Looks projects up. Empty until the first `refresh` or look-up.

    source: a path means SQLite. on_failure: told why, once, when the database goes away, and None when it is back.
    Look-ups may be made from any thread; one that misses may read the database (well under a millisecond).
    """

    def __init__(self, source: ProjectSource | Path, on_failure: Callable[[str | None], None] | None = None):
        self._source = SqliteReader(source) if isinstance(source, Path) else source
        self._miss_interval_s = MISS_INTERVAL_S_MIN if isinstance(source, Path) else REMOTE_MISS_INTERVAL_S_MIN
        self._on_failure = on_failure
        self._failure: str | None = None
        self._lock = threading.Lock()
        self._digest_key = os.urandom(32)
        self._view = _View(-1, {}, {}, {}, {}, {})
        self._missed_s = float("-inf")

    def by_token(self, token: str) -> Project | None:
        """The project an event names. Not for credentials."""
        return self._view.by_token.get(token) or self._again(lambda view: view.by_token.get(token))

    def by_token_credential(self, token: str) -> Project | None:
        """As `by_token`, in a time that does not depend on the token: for HTTP Basic."""
        digest = self._digest(token)
        return self._view.by_token_digest.get(digest) or self._again(lambda view: view.by_token_digest.get(digest))

    def by_secret(self, secret: str) -> Project | None:
        """The project that a project secret opens, in a time that does not depend on the secret."""
        digest = self._digest(secret)
        return self._view.by_secret_digest.get(digest) or self._again(lambda view: view.by_secret_digest.get(digest))

    def by_id(self, project_id: int) -> Project | None:
        return self._view.by_id.get(project_id) or self._again(lambda view: view.by_id.get(project_id))

    def by_username(self, username: str) -> Account | None:
        """The service account of that user name, which is no secret."""
        return self._view.by_username.get(username) or self._again(lambda view: view.by_username.get(username))

    def projects(self) -> list[Project]:
        """Every project known, by id."""
        return list(self._view.by_id.values())

    @property
    def failure(self) -> str | None:
        """Why the last refresh failed, None when it did not."""
        return self._failure

    def refresh(self) -> bool:
        """Takes over what changed in the database; blocks. False, with the view unchanged, when it cannot be read."""
        with self._lock:
            try:
                revision = self._source.revision()
                if revision != self._view.revision:
                    self._view = self._new_view(revision, self._source.all_projects(), self._source.all_accounts())
            except StorageError as error:
                self._report(str(error))
                return False
            self._report(None)
            return True

    def _again(self, find: Callable[[_View], Found | None]) -> Found | None:
        """A second look after a miss, so that a project made a moment ago works at once."""
        now_s = time.monotonic()
        if now_s - self._missed_s < (AWAY_MISS_INTERVAL_S_MIN if self._failure else self._miss_interval_s):
            return None
        self._missed_s = now_s
        self.refresh()
        return find(self._view)

    def _new_view(self, revision: int, projects: Sequence[Project], accounts: Sequence[Account]) -> _View:
        return _View(
            revision,
            {project.project_id: project for project in projects},
            {project.token: project for project in projects},
            {self._digest(project.token): project for project in projects},
            {self._digest(project.secret): project for project in projects},
            {account.username: account for account in accounts},
        )

    def _digest(self, key: str) -> bytes:
        return blake2b(key.encode("utf-8", "surrogatepass"), key=self._digest_key, digest_size=32).digest()

    def _report(self, failure: str | None) -> None:
        changed = (failure is None) != (self._failure is None)
        self._failure = failure
        if changed and self._on_failure is not None:
            self._on_failure(failure)
