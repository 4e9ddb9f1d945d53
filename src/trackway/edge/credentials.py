"""Who is asking: HTTP Basic as Mixpanel's clients send it, against the projects known here (protocol §1).

Accepted: the project secret as user name, or the project token as user name, each with an empty password. Some tools
send `user:secret` without base64; that is documented as accepted.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from trackway.errors import RequestError
from trackway.projects.project import Project
from trackway.residency import wrong_region


class Directory(Protocol):
    """The look-ups needed; constant-time in the credential."""

    def by_token_credential(self, token: str) -> Project | None: ...
    def by_secret(self, secret: str) -> Project | None: ...


class Basic(NamedTuple):
    """User name and password of an `Authorization` header."""

    user: str
    password: str


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


def authenticate(header: bytes, directory: Directory) -> Project:
    """The project whose credentials these are. Raises RequestError 401."""
    basic = read_basic(header)
    if basic is None or not basic.user:
        raise RequestError(401, "Invalid credentials")
    if basic.password:
        raise RequestError(401, "Not a valid service account username")
    project = directory.by_secret(basic.user) or directory.by_token_credential(basic.user)
    if project is None:
        raise RequestError(401, "Invalid credentials")
    return project


def check_region(project: Project, region: str, host: bytes = b"") -> None:
    """Raise RequestError 403, naming the right host after the one that was asked, when the project's data lives
    elsewhere."""
    if project.region != region:
        raise RequestError(403, wrong_region(project.region, region, host))


def check_project_id(project: Project, parameters: Mapping[str, str]) -> None:
    """Raise RequestError 401 when the request names another project than its credentials."""
    named = parameters.get("project_id", "")
    if named and named != str(project.project_id):
        raise RequestError(401, "Credentials in request did not match project_id URL parameter")
