"""Authentication and authorization: HTTP Basic as Mixpanel's clients send it (protocol §1, §3).

Accepted are the project secret as user name, the project token as user name, each with an empty password or itself as
the password, and a service account's user name and secret with `project_id`. Some tools send `user:secret` without
base64, which Mixpanel documents as accepted. `Access.caller` authenticates before a body is read. `Access.project`
alone decides whether the caller has the right. A request that changes something is checked again when its body has
arrived. Nobody is refused by a state of the projects that is older than the request: before a refusal this process
reads them once more, if it can.
"""

import asyncio
import base64
import binascii
import time
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from typing import Final, NamedTuple, Protocol

from trackway.domain.errors import RequestError
from trackway.domain.region import refusal
from trackway.edge.access.audit_writer import Audit
from trackway.edge.access.client_address import Network, client_address
from trackway.edge.access.project_refresh import FreshProjects
from trackway.edge.access.secret_verification import Verifier
from trackway.edge.limits import PROJECTS_LOOK_S_MAX
from trackway.edge.wire.asgi import Scope, header
from trackway.edge.wire.asgi_request import Request
from trackway.projects.account import Account
from trackway.projects.audit import UNKNOWN, Action, Author, Note
from trackway.projects.project import Project
from trackway.projects.roles import ARCHIVED, ARCHIVED_RIGHTS, RIGHTS, SECRET_RIGHTS, TOKEN_RIGHTS, Right, Role

INVALID: Final = "Invalid credentials"
NO_ACCOUNT: Final = "Not a valid service account username"
SIGNED: Final = "signatures (api_key and sig) are not supported, send the project's secret as the user of HTTP Basic"
OTHER_PROJECT: Final = "Credentials in request did not match project_id URL parameter"


class Directory(Protocol):
    """The look-ups that are needed, constant-time in credentials."""

    def by_token_credential(self, token: str) -> Project | None: ...
    def by_secret(self, secret: str) -> Project | None: ...
    def by_id(self, project_id: int) -> Project | None: ...
    def by_username(self, username: str) -> Account | None: ...


class Basic(NamedTuple):
    """User name and password of an `Authorization` header."""

    user: str
    password: str


class ProjectKey(NamedTuple):
    """A caller with a key of the project itself."""

    project: Project
    kind: str
    rights: Set[Right]


Caller = ProjectKey | Account
"""The caller of a request; `Access.project` decides on its rights."""


def read_basic(header: bytes) -> Basic | None:
    """The credentials of a header, or None when it holds none."""
    scheme, _, value = header.strip().partition(b" ")
    value = value.strip()
    if scheme.lower() != b"basic" or not value:
        return None
    if b":" not in value:  # ':' is not in base64's alphabet
        try:
            value = base64.b64decode(value, validate=True)
        except binascii.Error:
            return None
    user, _, password = value.decode("utf-8", "replace").partition(":")
    return Basic(user, "" if password == user else password)  # some clients send a key twice


class Access:
    """Authenticates requests, and authorizes them on a server of this region."""

    def __init__(
        self,
        directory: Directory,
        verifier: Verifier,
        region: str,
        trusted: Sequence[Network] = (),
        audit: Audit | None = None,
        fresh_projects: FreshProjects | None = None,
    ):
        self._directory = directory
        self._verifier = verifier
        self._region = region
        self._trusted = trusted
        self._audit = audit
        self._fresh_projects = fresh_projects

    async def caller(self, scope: Scope) -> Caller:
        """The caller by the `Authorization` header. Raises RequestError 401, or 503 when too many are waiting."""
        basic = read_basic(header(scope, b"authorization"))
        if basic is None or not basic.user:
            signed = b"&sig=" in b"&" + scope.get("query_string", b"")
            raise RequestError(401, SIGNED if signed else INVALID)
        if basic.password:
            return await self.account(basic, scope)
        if (key := self._project_key(basic.user)) is None:
            await self._look()
            key = self._project_key(basic.user)
        if key is None:
            raise RequestError(401, INVALID)
        return key

    async def account(self, basic: Basic, scope: Scope) -> Account:
        """The service account of these credentials of a request. Raises as `caller`."""
        if (before := self._directory.by_username(basic.user)) is None:
            await self._look()
        account = await self._verifier.account(basic.user, basic.password, self.address(scope))
        if account is None and before is not None:
            await self._look()
            if self._directory.by_username(basic.user) != before:  # the name has got another secret
                account = await self._verifier.account(basic.user, basic.password, self.address(scope))
        if account is not None and not account.expired(time.time() * 1000):
            return account
        is_known = self._directory.by_username(basic.user) is not None
        if self._audit:
            author = Author(basic.user if is_known else UNKNOWN, self.address(scope))
            self._audit.refused(author, Note("credentials refused"))
        raise RequestError(401, INVALID if is_known else NO_ACCOUNT)

    def address(self, scope: Scope) -> str:
        """The client's address, "" where it is unknown."""
        return client_address(scope, self._trusted)

    def note(self, scope: Scope, action: Action, project: Project, subject: str) -> None:
        """Write to the audit what an authenticated request did."""
        if self._audit:
            self._audit.note(self.author(scope), Note(action, project.project_id, subject))

    def author(self, scope: Scope) -> Author:
        """Who makes an authenticated request, in the words of the audit."""
        basic = read_basic(header(scope, b"authorization"))
        name = basic.user if basic is not None and basic.password else "project secret"
        return Author(name, self.address(scope))

    async def allowed(self, request: Request, right: Right) -> Project:
        """The project of a request that has all its parameters in the query string. A request that changes something
        is checked again once its body has arrived, which may take minutes.

        Raises RequestError as `caller` and `project`, and 400 for parameters that cannot be read.
        """
        caller = await self.caller(request.scope)
        return await self.project(caller, right, request.parameters, request.scope)

    async def project(self, caller: Caller, right: Right, parameters: Mapping[str, str], scope: Scope) -> Project:
        """The project of a request whose caller has the right there, and whose data is in this region.

        Raises RequestError as `granted`, and 403 when the project's data lives in another region, naming the right host
        after the one that was asked.
        """
        project = await self.granted(caller, right, parameters)
        if reason := refusal(project.region, self._region, header(scope, b"host")):
            raise RequestError(403, reason)
        return project

    async def granted(self, caller: Caller, right: Right, parameters: Mapping[str, str]) -> Project:
        """The project of a request whose caller has the right there, whatever the region of its data.

        Raises RequestError 400 when `project_id` is needed and missing, 401 when it names another project than the
        credentials do, 403 when these do not have the right, or when the project is archived and would be changed.
        """
        named = parameters.get("project_id", "")
        if isinstance(caller, ProjectKey):
            project, who, rights = caller
            check_project_id(project, parameters)
        else:
            project, role = await self._membership(caller, named)
            who, rights = f"role {role}", RIGHTS[role]
        if right not in rights:
            raise RequestError(403, f"{who} may not {right.value}")
        if project.is_archived and right not in ARCHIVED_RIGHTS:
            raise RequestError(403, ARCHIVED)
        return project

    def projects_of(self, account: Account) -> list[Project]:
        """The projects of a verified account, by id, whatever its role there and the region of their data."""
        present = self._directory.by_username(account.username)
        ids = sorted(present.roles) if present is not None else ()
        return [project for each in ids if (project := self._directory.by_id(each)) is not None]

    async def _look(self) -> None:
        """Return once this process knows what the projects were when this was called. While their database does not
        answer, what is known counts."""
        if self._fresh_projects is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(PROJECTS_LOOK_S_MAX):
                    await self._fresh_projects.look()

    def _project_key(self, user: str) -> ProjectKey | None:
        project = self._directory.by_secret(user)
        if project is not None:
            return ProjectKey(project, "project secret", SECRET_RIGHTS)
        project = self._directory.by_token_credential(user)
        if project is not None:
            return ProjectKey(project, "project token", TOKEN_RIGHTS)
        return None

    async def _membership(self, caller: Account, named: str) -> tuple[Project, Role]:
        """The membership at this moment: a body may have taken minutes to arrive since the verification."""
        if not named:
            raise RequestError(400, "project_id is required with the credentials of a service account")
        if (found := self._known_membership(caller, named)) is None:
            await self._look()
            found = self._known_membership(caller, named)
        if found is None:
            raise RequestError(401, OTHER_PROJECT)
        return found

    def _known_membership(self, caller: Account, named: str) -> tuple[Project, Role] | None:
        account = self._directory.by_username(caller.username)
        if account is None:
            raise RequestError(401, NO_ACCOUNT)
        if account.secret_hash != caller.secret_hash:
            raise RequestError(401, INVALID)
        for project_id, role in account.roles.items():
            if named == str(project_id):
                project = self._directory.by_id(project_id)
                if project is not None:
                    return project, role
        return None


def check_project_id(project: Project, parameters: Mapping[str, str]) -> None:
    """Raise RequestError 401 when the request names another project than its credentials."""
    named = parameters.get("project_id", "")
    if named and named != str(project.project_id):
        raise RequestError(401, OTHER_PROJECT)
