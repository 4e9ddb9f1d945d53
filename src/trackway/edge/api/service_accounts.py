"""`/api/app/…`: the documented API of service accounts, for accounts that manage a project (openapi/service-accounts),
and the settings of a project (`edge.api.project_settings`).

A request arrives; it is authenticated as any other is, read, and handed to `projects.account_changes`, which decides
and acts in a thread with a bounded queue. One server is one organization, number 1. Replies are `{"status":"ok",…}` and
`{"error":…,"status":"error"}`, as documented.

The content type of a body must be JSON, which a page of another origin can only send after a preflight.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from trackway.domain.errors import RequestError, StorageError
from trackway.edge.access.change_queue import Changes
from trackway.edge.access.credentials import INVALID, read_basic
from trackway.edge.api import project_settings
from trackway.edge.api.data_retention import Wanted, preview
from trackway.edge.api.endpoint_shell import Shell
from trackway.edge.api.paths_with_ids import ByMethod, answer, refused
from trackway.edge.api.service_account_requests import moment, read_addition, read_creation, read_removal
from trackway.edge.limits import ACCOUNT_BODY_BYTES_MAX
from trackway.edge.quotas.in_flight import read_body
from trackway.edge.wire.asgi import Receive, Scope, Send, check_json, header
from trackway.edge.wire.asgi_request import Request
from trackway.edge.wire.decode import read_query
from trackway.edge.wire.parameter_tables import ACCOUNTS, PROJECT, Table
from trackway.edge.wire.replies import Reply
from trackway.edge.wire.streaming import refusal as store_refusal
from trackway.projects.account import Account
from trackway.projects.audit import Author
from trackway.projects.roles import RIGHTS, ROLES, Right
from trackway.store.reader import Readers

if TYPE_CHECKING:
    from trackway.projects.account_changes import ServiceAccounts
    from trackway.projects.database import ProjectsDatabase

PATH: Final = "/api/app"
ORGANIZATION: Final = 1
OK: Final = {"status": "ok"}


class _Call(NamedTuple):
    """A request to act on: the caller, the id in its path, its body, and the change that a PATCH of a project wants."""

    projects: "ProjectsDatabase"
    accounts: "ServiceAccounts"
    by: int
    named: int
    body: bytes
    change: project_settings.Change | None


Action = Callable[[_Call], tuple[int, dict[str, Any]]]


class AccountsEndpoint:
    """The handlers of these paths, below PATH."""

    def __init__(self, shell: Shell, changes: Changes, readers: Readers, event_retention: int):
        self._shell = shell
        self._changes = changes
        self._readers = readers
        self._event_retention = event_retention

    def table(self) -> dict[str, ByMethod]:
        """The handlers, by path and method."""
        return {
            path: {method: partial(self._serve, _Route(action, table)) for method, action in actions.items()}
            for path, table, actions in _ACTIONS
        }

    async def _serve(self, route: "_Route", scope: Scope, receive: Receive, send: Send) -> None:
        await self._shell.serve(PATH, Request(scope, receive, send), partial(self._read, route), refused)

    async def _read(self, route: "_Route", request: Request) -> Reply:
        with self._shell.in_flight.claim(request.scope, known=False) as claim:
            body = await read_body(request.receive, ACCOUNT_BODY_BYTES_MAX, claim)
            return await self._answer(request, route, body)

    async def _answer(self, request: Request, route: "_Route", body: bytes) -> Reply:
        scope = request.scope
        basic = read_basic(header(scope, b"authorization"))
        if basic is None or not basic.password:  # a project's own keys hand on no access
            raise RequestError(401, INVALID)
        account = await self._shell.access.account(basic, scope)
        _check_organization(request)
        route.table.count_unknown(read_query(scope["query_string"]).parameters)
        if scope["method"] in ("POST", "PATCH"):
            check_json(scope)
        author = Author(account.username, self._shell.access.address(scope))
        named = request.ids.get("id", 0)
        change = project_settings.read_change(body) if route.action is _change_project else None
        if change is not None and (refusal := await self._unconfirmed(change, named, account, author)):
            return refusal
        call = partial(_Call, by=account.account_id, named=named, body=body, change=change)
        status, found = await self._changes.run(
            lambda opened: route.action(call(opened.projects, opened.accounts)), author
        )
        return answer(found, status)

    async def _unconfirmed(
        self, wanted: project_settings.Change, project_id: int, account: Account, author: Author
    ) -> Reply | None:
        """The refusal of a retention that deletes something which nobody has confirmed."""
        if not wanted.kept or wanted.confirmed:
            return None
        project = await self._changes.run(
            lambda opened: opened.projects.managed(project_id, account.account_id), author
        )
        try:
            found = await preview(self._readers.api, Wanted(project, wanted.kept), self._event_retention)
        except StorageError as error:
            raise store_refusal(error, "retention", needy="") from error
        return answer(project_settings.unconfirmed(found), 409) if found.deletes else None


def _list(call: _Call) -> tuple[int, dict[str, Any]]:
    return 200, {"results": [shown(each) for each in call.accounts.all(call.by)], **OK}


def _create(call: _Call) -> tuple[int, dict[str, Any]]:
    wanted = read_creation(call.body)
    created, secret = call.accounts.create(wanted.name, wanted.roles, wanted.expires_at_ms, call.by)
    return 201, {"results": {"token": secret, **shown(created)}, **OK}


def _get(call: _Call) -> tuple[int, dict[str, Any]]:
    return 200, shown(call.accounts.one(call.named, call.by))


def _delete(call: _Call) -> tuple[int, dict[str, Any]]:
    call.accounts.revoke(call.named, call.by)
    return 200, OK


def _add(call: _Call) -> tuple[int, dict[str, Any]]:
    wanted = read_addition(call.body)
    call.accounts.add(wanted.account_ids, wanted.roles, call.by)
    return 200, OK


def _remove(call: _Call) -> tuple[int, dict[str, Any]]:
    call.accounts.remove(read_removal(call.body), call.by)
    return 200, OK


def _members(call: _Call) -> tuple[int, dict[str, Any]]:
    members = call.accounts.of_project(call.named, call.by)
    return 200, {"results": [{**shown(each), **_membership(each, call.named)} for each in members], **OK}


def _project(call: _Call) -> tuple[int, dict[str, Any]]:
    return 200, {"results": project_settings.show(call.projects, call.named, call.by), **OK}


def _change_project(call: _Call) -> tuple[int, dict[str, Any]]:
    return 200, {"results": _changed(call), **OK}


def _changed(call: _Call) -> dict[str, Any]:
    assert call.change is not None, "a change of a project"
    return project_settings.change(call.projects, call.named, call.change, call.by)


def shown(account: Account) -> dict[str, Any]:
    """`ServiceAccountRead`. What is not there (an expiry, a creator) is left out: the document has no nulls."""
    fields = {"id": account.account_id, "username": account.username, "created": moment(account.created_at_ms)}
    if account.expires_at_ms is not None:
        fields["expires"] = moment(account.expires_at_ms)
    if account.creator is not None:
        fields["creator"] = account.creator
    return {**fields, "user": account.account_id}


def _membership(account: Account, project_id: int) -> dict[str, Any]:
    role = account.roles[project_id]
    return {
        "role": role,
        "role_order": ROLES.index(role),
        "hasSensitiveAccess": Right.EXPORT in RIGHTS[role],
        "target_type": "individual",
    }


_OF_ORGANIZATION: Final = "/organizations/{organization}/service-accounts"
_OF_PROJECT: Final = "/projects/{id}"
_ACTIONS: Final[tuple[tuple[str, Table, dict[str, Action]], ...]] = (
    (_OF_ORGANIZATION, ACCOUNTS, {"GET": _list, "POST": _create}),
    (f"{_OF_ORGANIZATION}/{{id}}", ACCOUNTS, {"GET": _get, "DELETE": _delete}),
    (f"{_OF_ORGANIZATION}/add-to-project", ACCOUNTS, {"POST": _add}),
    (f"{_OF_ORGANIZATION}/remove-from-project", ACCOUNTS, {"POST": _remove}),
    (_OF_PROJECT, PROJECT, {"GET": _project, "PATCH": _change_project}),
    (f"{_OF_PROJECT}/service-accounts", ACCOUNTS, {"GET": _members}),
)


class _Route(NamedTuple):
    """What to do, and the parameters that are known."""

    action: Action
    table: Table


def _check_organization(request: Request) -> None:
    named = request.ids.get("organization", ORGANIZATION)
    if named != ORGANIZATION:
        raise RequestError(404, f"organization {named} was not found; this server is {ORGANIZATION}")
