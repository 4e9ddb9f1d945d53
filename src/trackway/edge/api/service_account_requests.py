"""The bodies of the service accounts API as checked values (openapi/service-accounts).

Bytes arrive, a value leaves, or RequestError 400 that names the fault. The form of ids and roles is checked here.
Whether they exist, and whether the caller may change them, is decided in `projects.account_changes`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple, TypeVar

import msgspec

from trackway.domain.errors import InvalidInput, RequestError
from trackway.edge.limits import ACCOUNT_CHANGES_MAX
from trackway.projects.roles import LEAST, Role, check_role

_ID_MAX: Final = 2**31 - 1


class _Membership(msgspec.Struct):
    id: int
    role: str | None = None


class _Write(msgspec.Struct):
    username: str
    role: str | None = None
    expires: str | None = None
    projects: list[_Membership] | None = None


class _Add(msgspec.Struct):
    projects: list[_Membership]
    service_account_ids: list[int]


class _Leaving(msgspec.Struct):
    id: int
    service_account_ids: list[int]


class _Remove(msgspec.Struct):
    projects: list[_Leaving]


Body = TypeVar("Body")


class Creation(NamedTuple):
    """A new account: its roles by project id, and when it expires."""

    name: str
    roles: Mapping[int, Role]
    expires_at_ms: int | None


class Addition(NamedTuple):
    """Accounts that get roles, by project id."""

    account_ids: Sequence[int]
    roles: Mapping[int, Role]


def read_creation(body: bytes) -> Creation:
    """`ServiceAccountWrite`. A project without a role gets that of the account, by default the least."""
    read = decode_body(body, _Write)
    role = _role(read.role) if read.role is not None else LEAST
    roles = _roles(read.projects or [], role)
    return Creation(read.username, roles, _expiry(read.expires) if read.expires is not None else None)


def read_addition(body: bytes) -> Addition:
    """`AddServiceAccountsToProjectsRequest`."""
    read = decode_body(body, _Add)
    for each in read.projects:
        if each.role is None:
            raise RequestError(400, "projects must name a role each")
    _check_changes(len(read.projects) * len(read.service_account_ids))
    return Addition(_ids(read.service_account_ids, "service_account_ids"), _roles(read.projects, LEAST))


def read_removal(body: bytes) -> dict[int, Sequence[int]]:
    """`RemoveServiceAccountsFromProjectsRequest`: ids of accounts by project id."""
    read = decode_body(body, _Remove)
    _check_changes(sum(len(each.service_account_ids) for each in read.projects))
    project_ids = _ids([each.id for each in read.projects], "projects")
    leaving = [_ids(each.service_account_ids, "service_account_ids") for each in read.projects]
    return dict(zip(project_ids, leaving, strict=True))


def decode_body(body: bytes, shape: type[Body]) -> Body:
    """The body as that shape. Raises RequestError 400."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        reason = str(error)[:200]
        raise RequestError(400, f"body is not as documented: {reason[:1].lower()}{reason[1:]}") from error


def _roles(projects: Sequence[_Membership], default: Role) -> dict[int, Role]:
    project_ids = _ids([each.id for each in projects], "projects")
    given = [_role(each.role) if each.role is not None else default for each in projects]
    return dict(zip(project_ids, given, strict=True))


def _role(role: str) -> Role:
    try:
        return check_role(role)
    except InvalidInput as error:
        raise RequestError(400, str(error)) from error


def _ids(ids: Sequence[int], name: str) -> Sequence[int]:
    _check_changes(len(ids))
    if len(set(ids)) != len(ids):
        raise RequestError(400, f"{name} must name each once")
    if not all(0 < each <= _ID_MAX for each in ids):
        raise RequestError(400, f"{name} must be ids, from 1 to {_ID_MAX}")
    return ids


def _check_changes(count: int) -> None:
    if count > ACCOUNT_CHANGES_MAX:
        raise RequestError(400, f"a request must not change more than {ACCOUNT_CHANGES_MAX} memberships")


def _expiry(text: str) -> int:
    """RFC 3339; without an offset it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise RequestError(400, f"expires must be a date-time as 2027-01-31T00:00:00Z, not '{text[:40]}'") from error


def moment(time_ms: int) -> str:
    """A time as the API gives it."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
