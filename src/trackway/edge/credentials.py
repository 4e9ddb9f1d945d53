"""Who is asking, and for what: HTTP Basic as Mixpanel's clients send it, against the keys known here (protocol §1, §3).

Accepted: the project secret as user name, or the project token as user name, each with an empty password, or a service
account's user name and secret with `project_id`. Some tools send `user:secret` without base64; that is documented as
accepted. Every endpoint that needs credentials goes through `Access`: `caller` tells whose they are, before a body is
looked at, and `project` alone decides whether they do for what is wanted. What changes something is asked both again
when its body is there.
"""

import base64
import binascii
import time
from collections.abc import Mapping, Set
from typing import Final, NamedTuple, Protocol

from trackway.edge.http import Scope, header
from trackway.edge.parameters import Parameters, read_parameters
from trackway.edge.verification import Verifier
from trackway.errors import RequestError
from trackway.projects.account import Account
from trackway.projects.project import Project
from trackway.projects.roles import RIGHTS, SECRET_RIGHTS, TOKEN_RIGHTS, Right, Role
from trackway.residency import wrong_region

INVALID: Final = "Invalid credentials"
NO_ACCOUNT: Final = "Not a valid service account username"
OTHER_PROJECT: Final = "Credentials in request did not match project_id URL parameter"


class Directory(Protocol):
    """The look-ups needed; constant-time in what is a credential."""

    def by_token_credential(self, token: str) -> Project | None: ...
    def by_secret(self, secret: str) -> Project | None: ...
    def by_id(self, project_id: int) -> Project | None: ...
    def by_username(self, username: str) -> Account | None: ...


class Basic(NamedTuple):
    """User name and password of an `Authorization` header."""

    user: str
    password: str


class ProjectKey(NamedTuple):
    """A caller that came with a key of the project itself."""

    project: Project
    kind: str
    rights: Set[Right]


Caller = ProjectKey | Account
"""Whose credentials a request brought; what they open, `Access.project` tells."""


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
    return Basic(user, password)


class Access:
    """Tells what the credentials of a request open on a server of this region."""

    def __init__(self, directory: Directory, verifier: Verifier, region: str):
        self._directory = directory
        self._verifier = verifier
        self._region = region

    async def caller(self, header: bytes) -> Caller:
        """Whose credentials the `Authorization` header holds. Raises RequestError 401, or 503 when too many are being
        verified."""
        basic = read_basic(header)
        if basic is None or not basic.user:
            raise RequestError(401, INVALID)
        return await self.account(basic) if basic.password else self._project_key(basic.user)

    async def account(self, basic: Basic) -> Account:
        """The service account of these credentials. Raises as `caller`."""
        account = await self._verifier.account(basic.user, basic.password)
        if account is not None and not account.expired(time.time() * 1000):
            return account
        raise RequestError(401, INVALID if self._directory.by_username(basic.user) else NO_ACCOUNT)

    async def asked(self, scope: Scope, right: Right) -> tuple[Project, Parameters]:
        """The project and the parameters of a request that says all of it in its head. Raises RequestError as `caller`
        and `project`, and 400 for parameters that cannot be read."""
        caller = await self.caller(header(scope, b"authorization"))
        parameters = read_parameters(scope["query_string"])
        return self.project(caller, right, parameters, scope), parameters

    def project(self, caller: Caller, right: Right, parameters: Mapping[str, str], scope: Scope) -> Project:
        """The project that a request is about, when its caller has the right there and the data lives here.

        Raises RequestError as `granted`, and 403 when the project's data lives in another region, naming the right host
        after the one that was asked.
        """
        project = self.granted(caller, right, parameters)
        if project.region != self._region:
            raise RequestError(403, wrong_region(project.region, self._region, header(scope, b"host")))
        return project

    def granted(self, caller: Caller, right: Right, parameters: Mapping[str, str]) -> Project:
        """The project that a request is about, when its caller has the right there, wherever its data lives.

        Raises RequestError 400 when `project_id` is needed and missing, 401 when it names another project than the
        credentials do, 403 when these do not do for it.
        """
        named = parameters.get("project_id", "")
        if isinstance(caller, ProjectKey):
            project, who, rights = caller
            check_project_id(project, parameters)
        else:
            project, role = self._membership(caller, named)
            who, rights = f"role {role}", RIGHTS[role]
        if right not in rights:
            raise RequestError(403, f"{who} may not {right.value}")
        return project

    def _project_key(self, user: str) -> ProjectKey:
        project = self._directory.by_secret(user)
        if project is not None:
            return ProjectKey(project, "project secret", SECRET_RIGHTS)
        project = self._directory.by_token_credential(user)
        if project is not None:
            return ProjectKey(project, "project token", TOKEN_RIGHTS)
        raise RequestError(401, INVALID)

    def _membership(self, caller: Account, named: str) -> tuple[Project, Role]:
        """As it is now: a body may have taken minutes to arrive since the credentials were looked at."""
        if not named:
            raise RequestError(400, "project_id is required with the credentials of a service account")
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
        raise RequestError(401, OTHER_PROJECT)


def check_project_id(project: Project, parameters: Mapping[str, str]) -> None:
    """Raise RequestError 401 when the request names another project than its credentials."""
    named = parameters.get("project_id", "")
    if named and named != str(project.project_id):
        raise RequestError(401, OTHER_PROJECT)
