"""`/api/app/data-deletions/v3.0`: erase persons (openapi/gdpr), see how far it is, and cancel it in time; and
`/api/app/data-retrievals/v3.0`: hand out what is stored of persons.

The published paths name the project by its token in the query string, and take OAuth tokens. A bearer token is the
project's secret here, or `user:secret` of a service account. The documented reply has no room for a certificate, so
that has a path of its own.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import msgspec

from trackway.domain.errors import InvalidInput, RequestError, StorageError
from trackway.edge.access.change_queue import Changes, Opened
from trackway.edge.api.endpoint_shell import Asked, Command, Shell
from trackway.edge.api.paths_with_ids import ByMethod, found, refused
from trackway.edge.api.saved.requests import creator_of
from trackway.edge.api.service_account_requests import decode_body
from trackway.edge.limits import PERSON_TASK_BODY_BYTES_MAX
from trackway.edge.wire.asgi import IDS, Handler, Receive, Scope, Send, check_json
from trackway.edge.wire.asgi_request import Request
from trackway.edge.wire.decode import read_query
from trackway.edge.wire.parameter_tables import (
    DELETION,
    DELETIONS,
    DELETIONS_PREVIEW,
    RETRIEVAL,
    RETRIEVAL_FILE,
    RETRIEVALS,
    Table,
)
from trackway.edge.wire.replies import JSON, Reply
from trackway.edge.wire.streaming import refusal, send_stream
from trackway.projects.person_task import Kind, PersonTask, TaskBegun, check_compliance, check_disclosure, check_ids
from trackway.projects.project_lookup import ProjectDirectory
from trackway.projects.roles import Right
from trackway.query.person_data import TABLES, person_document, person_table
from trackway.query.person_size import person_size
from trackway.store.reader import Readers

if TYPE_CHECKING:
    from trackway.projects.person_task_table import PersonTasks

DELETIONS_PATH: Final = "/data-deletions/v3.0"
RETRIEVALS_PATH: Final = "/data-retrievals/v3.0"
_IN_PATTERN: Final = DELETIONS_PATH.replace(".", r"\.")
_IN_RETRIEVALS: Final = RETRIEVALS_PATH.replace(".", r"\.")
CSV: Final = b"text/csv; charset=utf-8"
_NO_PROJECT: Final = 0
"""No project has this id, so that an unknown token is refused as one of another project is."""
Run = Callable[[Asked], Awaitable[Reply]]


class _New(msgspec.Struct):
    """The body of a POST."""

    distinct_ids: list[str]
    compliance_type: str = "GDPR"
    disclosure_type: str = "Data"


class PersonTaskRequests:
    """The handlers of these paths. A task begins `delay_s` after it was asked for."""

    def __init__(self, shell: Shell, changes: Changes, directory: ProjectDirectory, readers: Readers, delay_s: int):
        self._shell = shell
        self._changes = changes
        self._directory = directory
        self._readers = readers
        self._delay_s = delay_s

    def paths(self) -> dict[str, ByMethod]:
        """The handlers, by path and method."""
        return {
            _IN_PATTERN: {"POST": self._handler(DELETIONS, self._create)},
            f"{_IN_PATTERN}/preview": {"POST": self._handler(DELETIONS_PREVIEW, self._preview)},
            f"{_IN_PATTERN}/{{task}}": {
                "GET": self._handler(DELETION, self._show),
                "DELETE": self._handler(DELETION, self._cancel),
            },
            f"{_IN_PATTERN}/{{task}}/certificate": {"GET": self._handler(DELETION, self._certificate)},
            _IN_RETRIEVALS: {"POST": self._handler(RETRIEVALS, self._retrieve)},
            f"{_IN_RETRIEVALS}/{{task}}": {"GET": self._handler(RETRIEVAL, self._retrieved)},
            f"{_IN_RETRIEVALS}/{{task}}/file": {"GET": self._named(self._file_handler)},
        }

    def _handler(self, table: Table, run: Run) -> Handler:
        command = Command(table, Right.ERASE, run, PERSON_TASK_BODY_BYTES_MAX, refused=refused)
        return self._named(self._shell.command(command))

    def _named(self, handler: Handler) -> Handler:
        """The handler of requests that name their project by its token."""

        async def handle(scope: Scope, receive: Receive, send: Send) -> None:
            _accept_bearer(scope)
            self._name_project(scope)
            await handler(scope, receive, send)

        return handle

    def _name_project(self, scope: Scope) -> None:
        """Let the token name the project, as the documents have it. Without one, `project_id` does."""
        token = _query_of(scope).get("token", "")
        if not token:
            return
        known = self._directory.by_token(token) or next(  # an archived project is not found by its keys
            (each for each in self._directory.projects() if each.token == token), None
        )
        scope[IDS] = {**scope.get(IDS, {}), "project": known.project_id if known else _NO_PROJECT}

    async def _create(self, asked: Asked) -> Reply:
        check_json(asked.request.scope)
        new, requester = _read(asked), creator_of(asked).name
        task = await self._done(
            asked,
            lambda tasks: tasks.ask(
                "deletion",
                asked.project.project_id,
                new.distinct_ids,
                requester,
                compliance=new.compliance_type,
                delay_s=self._delay_s,
            ),
        )
        return found({"task_id": str(task.task_id)}, 201)

    async def _preview(self, asked: Asked) -> Reply:
        check_json(asked.request.scope)
        new = _read(asked)
        try:
            size = await person_size(self._readers.api, asked.project.project_id, new.distinct_ids)
        except StorageError as error:
            raise refusal(error, "erasure preview", needy="") from error
        return found({"ids": size.ids, "events": size.events, "profiles": size.profiles})

    async def _show(self, asked: Asked) -> Reply:
        return found(_shown(await self._task(asked)))

    async def _certificate(self, asked: Asked) -> Reply:
        return found(certificate(await self._task(asked)))

    async def _cancel(self, asked: Asked) -> Reply:
        project_id, task_id = asked.project.project_id, asked.request.ids["task"]
        try:
            await self._done(asked, lambda tasks: tasks.cancel("deletion", project_id, task_id))
        except RequestError as error:
            if isinstance(error.__cause__, TaskBegun):
                raise RequestError(405, str(error.__cause__), allow="GET") from error
            raise
        return Reply(204, JSON, b"")

    async def _retrieve(self, asked: Asked) -> Reply:
        check_json(asked.request.scope)
        new, requester = _read(asked, "retrieval"), creator_of(asked).name
        task = await self._done(
            asked,
            lambda tasks: tasks.ask(
                "retrieval",
                asked.project.project_id,
                new.distinct_ids,
                requester,
                compliance=new.compliance_type,
                disclosure=new.disclosure_type,
            ),
        )
        return found({"task_id": str(task.task_id)}, 201)

    async def _retrieved(self, asked: Asked) -> Reply:
        task = await self._task(asked, "retrieval")
        link = _link(asked, f"{RETRIEVALS_PATH}/{task.task_id}/file") if task.has_ids else ""
        return found({"status": task.state, "results": link, "distinct_ids": _ids(task)})

    async def _file_handler(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._shell.serve(RETRIEVAL_FILE.name, Request(scope, receive, send), self._file, refused)

    async def _file(self, request: Request) -> int:
        """The file of a retrieval, made from what is stored now."""
        asked = await self._shell.asked(request, Right.ERASE, RETRIEVAL_FILE)
        task = await self._task(asked, "retrieval")
        if not task.has_ids:
            raise RequestError(404, f"task {task.task_id} has forgotten its ids: ask anew")
        form, table = asked.parameters.get("format") or "json", asked.parameters.get("table") or "events"
        if form not in ("json", "csv"):
            raise RequestError(400, "format must be json or csv")
        if table not in TABLES:
            raise RequestError(400, f"table must be one of {', '.join(TABLES)}")
        reader, project_id = self._readers.exports, asked.project.project_id
        if form == "json":
            name, opening, content_type = "person.json", person_document(reader, project_id, task.ids), JSON
        else:
            name, opening, content_type = f"{table}.csv", person_table(reader, project_id, task.ids, table), CSV
        file = ((b"content-disposition", b'attachment; filename="%b"' % name.encode()), (b"cache-control", b"no-store"))
        return await send_stream(
            request.scope,
            request.receive,
            request.send,
            opening,
            content_type,
            "person",
            chosen=False,
            more=file,
        )

    async def _task(self, asked: Asked, kind: Kind = "deletion") -> PersonTask:
        project_id, task_id = asked.project.project_id, asked.request.ids["task"]
        task: PersonTask = await self._done(asked, lambda tasks: tasks.one(kind, project_id, task_id))
        return task

    async def _done(self, asked: Asked, work: "Callable[[PersonTasks], Any]") -> Any:
        def run(opened: Opened) -> Any:
            return work(opened.person_tasks)

        return await self._changes.run(run, self._shell.access.author(asked.request.scope))


def _read(asked: Asked, kind: Kind = "deletion") -> _New:
    """The body, each of its ids once. Raises RequestError 400."""
    new = decode_body(asked.body, _New)
    try:
        compliance, disclosure = check_compliance(new.compliance_type), check_disclosure(new.disclosure_type)
        return _New(check_ids(kind, new.distinct_ids), compliance, disclosure)
    except InvalidInput as error:
        raise RequestError(400, str(error)) from error


def _shown(task: PersonTask) -> dict[str, Any]:
    """`DeletionJobResult`. Ids that are forgotten are shown as what is kept of them."""
    return {
        "tracking_id": str(task.task_id),
        "status": task.state,
        "requesting_user": task.requester,
        "compliance_type": task.compliance,
        "project_id": task.project_id,
        "date_requested": _time(task.asked_at_ms),
        "distinct_ids": _ids(task),
    }


def _ids(task: PersonTask) -> list[str]:
    return list(task.ids) if task.has_ids else [f"keyed hash {hashed}" for hashed in task.ids]


def _link(asked: Asked, path: str) -> str:
    """The address of a path below /api/app, as the client reached the server."""
    scope = asked.request.scope
    above = scope["path"].partition("/data-retrievals/")[0]
    host = asked.request.header(b"host").decode("latin-1")
    token = urlencode({"token": asked.project.token})
    return f"{scope['scheme']}://{host}{above}{path}?{token}"


def certificate(task: PersonTask) -> dict[str, Any]:
    """What was done, for the operator who has to prove it. Times are UTC, None for what has not happened."""
    report = dict(task.report)
    return {
        "task_id": str(task.task_id),
        "project_id": task.project_id,
        "status": task.state,
        "compliance_type": task.compliance,
        "requesting_user": task.requester,
        "ids_asked_for": task.id_count,
        "ids_of_the_persons": report.get("person_ids"),
        "ids_are_kept_as": "ids" if task.has_ids else "keyed hashes",
        "requested": _time(task.asked_at_ms),
        "begun": _time(task.started_at_ms),
        "counted": _time(report.get("counted_at_ms")),
        "rows_before": report.get("before"),
        "ended": _time(task.ended_at_ms),
        "checked": _time(report.get("checked_at_ms")),
        "rows_left": report.get("left"),
        "later_records_are_dropped_until": _time(task.until_ms),
        "failure": report.get("failure", ""),
    }


def _time(time_ms: int | None) -> str | None:
    return None if time_ms is None else f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%dT%H:%M:%S}"


def _query_of(scope: Scope) -> dict[str, str]:
    try:
        return dict(read_query(scope["query_string"]).parameters)
    except RequestError:  # the shell reads it again, and refuses it in its words
        return {}


def _accept_bearer(scope: Scope) -> None:
    """Read a bearer token as the credentials that it stands for."""
    headers = []
    for name, value in scope["headers"]:
        scheme, _, token = value.strip().partition(b" ")
        if name == b"authorization" and scheme.lower() == b"bearer":
            key = token.strip()
            headers.append((name, b"Basic " + (key if b":" in key else key + b":")))
        else:
            headers.append((name, value))
    scope["headers"] = headers
