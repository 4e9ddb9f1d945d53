"""The projects in the memory of an edge process, refreshed from the database.

A token, a secret or an id arrives, and its project leaves, or None. A user name arrives, and its account leaves.
Credentials are looked up by a keyed digest, so that the time of an answer shows nothing about a wrong guess.
When the database is away, the last view stays valid and known projects continue to work. The keys of an archived
project are unknown.

`refresh` may block for as long as the database does. A serving process calls it in a thread of its own.
"""

import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from trackway.domain.errors import StorageError
from trackway.projects.account import Account
from trackway.projects.drivers import open_reader
from trackway.projects.limits import AWAY_MISS_INTERVAL_S_MIN, MISS_INTERVAL_S_MIN
from trackway.projects.project import KeyKind, Project

Found = TypeVar("Found")


class ProjectSource(Protocol):
    """A source of projects. Every method may raise StorageError.

    quick: whether a read takes microseconds, so that a look-up that misses may wait for it.
    """

    @property
    def quick(self) -> bool: ...

    def revision(self) -> int: ...

    def all_projects(self) -> Sequence[Project]: ...

    def all_accounts(self) -> Sequence[Account]: ...

    def admin_hash(self) -> str | None: ...

    def close(self) -> None: ...


class _Held(NamedTuple):
    """The project of a key, and the end of the key's validity."""

    project: Project
    until_s: float = math.inf


class _View(NamedTuple):
    """One state of the database. It is replaced as a whole, so that another thread never sees half of a state."""

    revision: int
    by_id: dict[int, Project]
    by_token: dict[str, _Held]
    by_token_digest: dict[bytes, _Held]
    by_secret_digest: dict[bytes, _Held]
    accounts: dict[str, Account]
    admin_hash: str | None
    some_have_settings: bool


class ProjectDirectory:
    """Looks projects up, from any thread. Empty until the first `refresh` or look-up.

    source: a path means SQLite, a URL PostgreSQL. A look-up that misses reads a quick database (well under a
    millisecond). With a slow one, new projects wait for the next `refresh`. on_failure: called once with the reason
    when the database goes away, and with None when it is back. clock_s: seconds since the epoch, for the end of old
    keys.
    """

    def __init__(
        self,
        source: ProjectSource | Path | str,
        on_failure: Callable[[str | None], None] | None = None,
        clock_s: Callable[[], float] = time.time,
    ):
        self._clock_s = clock_s
        self._source = open_reader(source) if isinstance(source, (Path, str)) else source
        self._on_failure = on_failure
        self._failure: str | None = None
        self._lock = threading.Lock()
        self._digest_key = os.urandom(32)
        self._view = _View(-1, {}, {}, {}, {}, {}, None, False)
        self._missed_s = float("-inf")

    @property
    def some_have_settings(self) -> bool:
        """Whether a project has settings of its own."""
        return self._view.some_have_settings

    def by_token(self, token: str) -> Project | None:
        """The project that an event names. Not for credentials."""
        return self._valid(self._view.by_token.get(token)) or self._again(
            lambda view: self._valid(view.by_token.get(token))
        )

    def by_token_credential(self, token: str) -> Project | None:
        """As `by_token`, in a time that does not depend on the token: for HTTP Basic."""
        digest = self._digest(token)
        return self._valid(self._view.by_token_digest.get(digest)) or self._again(
            lambda view: self._valid(view.by_token_digest.get(digest))
        )

    def by_secret(self, secret: str) -> Project | None:
        """The project that a project secret opens, in a time that does not depend on the secret."""
        digest = self._digest(secret)
        return self._valid(self._view.by_secret_digest.get(digest)) or self._again(
            lambda view: self._valid(view.by_secret_digest.get(digest))
        )

    def by_id(self, project_id: int) -> Project | None:
        return self._view.by_id.get(project_id) or self._again(lambda view: view.by_id.get(project_id))

    def by_username(self, username: str) -> Account | None:
        """The service account of that user name, which is no secret. No personal account: the API is for programs."""
        account = self.account_named(username)
        return account if account is not None and not account.is_person else None

    def account_named(self, username: str) -> Account | None:
        """The account of that user name, of a program or a person: for the pages."""
        return self._view.accounts.get(username) or self._again(lambda view: view.accounts.get(username))

    def projects(self) -> list[Project]:
        """Every project known, by id."""
        return list(self._view.by_id.values())

    def members(self, project_id: int) -> list[Account]:
        """The accounts that have a role in the project, of programs and people, by id."""
        return [account for account in self._view.accounts.values() if project_id in account.roles]

    @property
    def admin_hash(self) -> str | None:
        """The hash of the admin password, None when there is none."""
        return self._view.admin_hash

    @property
    def failure(self) -> str | None:
        """Why the last refresh failed, None when it did not."""
        return self._failure

    def refresh(self) -> bool:
        """Reload the view if the database has changed. Blocks. False, with the view unchanged, when the read fails."""
        with self._lock:
            try:
                revision = self._source.revision()
                if revision != self._view.revision:
                    self._view = self._new_view(revision)
            except StorageError as error:
                self._report(str(error))
                return False
            self._report(None)
            return True

    def close(self) -> None:
        """Close the connection, if there is one. The view stays."""
        with self._lock:
            self._source.close()

    def _again(self, find: Callable[[_View], Found | None]) -> Found | None:
        """A second look-up after a miss, so that a project made a moment ago works at once."""
        if not self._source.quick:
            return None
        now_s = time.monotonic()
        if now_s - self._missed_s < (AWAY_MISS_INTERVAL_S_MIN if self._failure else MISS_INTERVAL_S_MIN):
            return None
        self._missed_s = now_s
        self.refresh()
        return find(self._view)

    def _valid(self, held: _Held | None) -> Project | None:
        return held.project if held is not None and self._clock_s() < held.until_s else None

    def _new_view(self, revision: int) -> _View:
        accounts = self._source.all_accounts()  # first, so that a project in which one has a role is known, too
        projects = self._source.all_projects()
        taking = [project for project in projects if not project.is_archived]
        tokens, secrets = _held(taking, "token"), _held(taking, "secret")
        return _View(
            revision,
            {project.project_id: project for project in projects},
            tokens,
            {self._digest(token): held for token, held in tokens.items()},
            {self._digest(secret): held for secret, held in secrets.items()},
            {account.username: account for account in accounts},
            self._source.admin_hash(),
            any(project.settings for project in projects),
        )

    def _digest(self, key: str) -> bytes:
        return blake2b(key.encode("utf-8", "surrogatepass"), key=self._digest_key, digest_size=32).digest()

    def _report(self, failure: str | None) -> None:
        changed = (failure is None) != (self._failure is None)
        self._failure = failure
        if changed and self._on_failure is not None:
            self._on_failure(failure)


def _held(projects: Sequence[Project], kind: KeyKind) -> dict[str, _Held]:
    """The keys of this kind, with old ones until their end."""
    old = {
        each.key: _Held(project, each.until_ms / 1000)
        for project in projects
        for each in project.old_keys
        if each.kind == kind
    }
    return old | {getattr(project, kind): _Held(project) for project in projects}
