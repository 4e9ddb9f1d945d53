"""`/api/app/…`: the documented API of service accounts, for accounts that manage a project (openapi/service-accounts).

A request arrives; it is authenticated as any other is, read, and handed to `projects.accounts`, which decides and acts
in a thread with a bounded queue. One server is one organization, number 1. Replies are `{"status":"ok",…}` and
`{"error":…,"status":"error"}`, as documented.

A browser that was once given such credentials sends them along on its own, from any page. So, other than the rest of
the server, nothing here allows other origins, and bodies must call themselves JSON, which pages of others cannot do
unasked.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from trackway import metrics
from trackway.edge.account_requests import moment, read_addition, read_creation, read_id, read_removal
from trackway.edge.changes import Changes
from trackway.edge.credentials import INVALID, Access, read_basic
from trackway.edge.http import CLIENT_GONE, ClientGone, InFlight, Receive, Scope, Send, header, read_body, send_reply
from trackway.edge.replies import JSON, Reply, error_reply
from trackway.errors import RequestError
from trackway.limits import ACCOUNT_BODY_BYTES_MAX
from trackway.projects.account import Account
from trackway.projects.roles import RIGHTS, ROLES, Right

if TYPE_CHECKING:
    from trackway.projects.accounts import ServiceAccounts

PATH: Final = "/api/app"
ORGANIZATION: Final = 1
OK: Final = {"status": "ok"}


class _Call(NamedTuple):
    """A request to act on: who asks, the id that its path names, and its body."""

    accounts: "ServiceAccounts"
    by: int
    named: int
    body: bytes


Action = Callable[[_Call], tuple[int, dict[str, Any]]]


class AccountsEndpoint:
    """An ASGI application for everything below PATH."""

    def __init__(self, access: Access, changes: Changes, in_flight: InFlight, prefix: str):
        self._access = access
        self._changes = changes
        self._in_flight = in_flight
        self._prefix = prefix + PATH

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await read_body(receive, ACCOUNT_BODY_BYTES_MAX, self._in_flight)
            try:
                reply = await self._answer(scope, body)
            finally:
                self._in_flight.give(len(body))
        except ClientGone:
            metrics.request(PATH, CLIENT_GONE)
            return
        except RequestError as error:
            refused = {"error": error.message, "status": "error"}
            reply = error_reply(error)._replace(body=orjson.dumps(refused))
        metrics.request(PATH, reply.status)
        await send_reply({"method": scope["method"], "headers": []}, send, reply)  # without the headers for CORS

    async def _answer(self, scope: Scope, body: bytes) -> Reply:
        basic = read_basic(header(scope, b"authorization"))
        if basic is None or not basic.password:  # a project's own keys hand on no access
            raise RequestError(401, INVALID)
        account = await self._access.account(basic)
        named, action = _find(scope["path"][len(self._prefix) :], scope["method"])
        media_type = header(scope, b"content-type").partition(b";")[0].strip().lower()
        if scope["method"] == "POST" and media_type != b"application/json":
            raise RequestError(400, "content-type must be application/json")
        call = partial(_Call, by=account.account_id, named=named, body=body)
        status, answer = await self._changes.run(lambda opened: action(call(opened.accounts)))
        return Reply(status, JSON, orjson.dumps(answer), ((b"cache-control", b"no-store"),))


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


_OF_ORGANIZATION: Final = r"/organizations/(?P<organization>[0-9]{1,10})/service-accounts"
_ACTIONS: Final[tuple[tuple[re.Pattern[str], dict[str, Action]], ...]] = (
    (re.compile(_OF_ORGANIZATION), {"GET": _list, "POST": _create}),
    (re.compile(_OF_ORGANIZATION + r"/(?P<id>[0-9]{1,10})"), {"GET": _get, "DELETE": _delete}),
    (re.compile(_OF_ORGANIZATION + r"/add-to-project"), {"POST": _add}),
    (re.compile(_OF_ORGANIZATION + r"/remove-from-project"), {"POST": _remove}),
    (re.compile(r"/projects/(?P<id>[0-9]{1,10})/service-accounts"), {"GET": _members}),
)


def _find(path: str, method: str) -> tuple[int, Action]:
    """The id that a path names (0: none) and what to do. Raises RequestError 404 or 405."""
    for pattern, actions in _ACTIONS:
        found = pattern.fullmatch(path.removesuffix("/"))
        if found is None:
            continue
        if method not in actions:
            raise RequestError(405, f"method {method[:20]} is not allowed here", allow=", ".join(actions))
        named = found.groupdict()
        if int(named.get("organization", ORGANIZATION)) != ORGANIZATION:
            raise RequestError(
                404, f"organization {named['organization']} was not found; this server is {ORGANIZATION}"
            )
        wanted = read_id(named.get("id", "0"))
        if wanted is None:
            raise RequestError(404, f"id {named['id']} was not found")
        return wanted, actions[method]
    raise RequestError(404, f"no such path: {path[:200]}")
