"""What a client asks before its first question: who it is, and which projects and workspaces it sees.

`/api/app/me`, `/api/app/projects/metadata/index` and `/api/app/projects/ID/workspaces/public`, in the shapes that
Mixpanel's query SDK reads. A project has one workspace, with all of its data and with the project's number. All is
answered from memory.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from trackway.domain.errors import RequestError
from trackway.edge.access.credentials import Caller
from trackway.edge.api.endpoint_shell import Asked, Command, Shell
from trackway.edge.api.paths_with_ids import ByMethod, found, refused
from trackway.edge.api.service_account_requests import moment
from trackway.edge.wire.asgi import Handler, Receive, Scope, Send
from trackway.edge.wire.asgi_request import Request
from trackway.edge.wire.parameter_tables import ME, WORKSPACES, Table
from trackway.edge.wire.replies import Reply
from trackway.projects.account import Account
from trackway.projects.project import Project
from trackway.projects.roles import Right

_ORGANIZATION: Final = 1
_WORKSPACE: Final = "All Project Data"
"""The name by which clients know the workspace that has everything."""


def membership_paths(shell: Shell) -> dict[str, ByMethod]:
    """The handlers below /api/app, by path and method."""
    workspaces = shell.command(Command(WORKSPACES, Right.REPORTS, _workspaces, refused=refused))
    return {
        "/me": {"GET": _of_caller(shell, ME, _me)},
        "/projects/metadata/index": {"GET": _of_caller(shell, ME, _index)},
        "/projects/{project}/workspaces/public": {"GET": workspaces},
    }


def _of_caller(shell: Shell, table: Table, results: Callable[[Caller, Sequence[Project]], object]) -> Handler:
    """A request that names no project, and is about those of its caller."""

    async def run(request: Request) -> Reply:
        caller = await shell.access.caller(request.scope)
        table.count_unknown(request.parameters)
        return found(results(caller, _projects(shell, caller)))

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        await shell.serve(table.name, Request(scope, receive, send), run, refused)

    return handle


def _projects(shell: Shell, caller: Caller) -> list[Project]:
    """Those in which the caller may run reports. Raises RequestError 403 for a key that may not."""
    if isinstance(caller, Account):
        return shell.access.projects_of(caller)
    if Right.REPORTS not in caller.rights:
        raise RequestError(403, f"{caller.kind} may not {Right.REPORTS.value}")
    return [caller.project]


async def _workspaces(asked: Asked) -> Reply:
    return found([_workspace(asked.project)])


def _me(caller: Caller, projects: Sequence[Project]) -> dict[str, Any]:
    """The organization is the server. An account's name takes the place of an address of mail."""
    user = {}
    if isinstance(caller, Account):
        user = {"user_id": caller.account_id, "user_email": caller.username, "user_name": caller.username}
    return {
        **user,
        "organizations": {str(_ORGANIZATION): {"id": _ORGANIZATION, "name": "trackway"}},
        "projects": {str(each.project_id): _project(each) for each in projects},
        "workspaces": {str(each.project_id): _workspace(each) for each in projects},
    }


def _index(_: Caller, projects: Sequence[Project]) -> dict[str, Any]:
    return {
        str(each.project_id): {**_project(each), "workspaces": {str(each.project_id): _workspace(each)}}
        for each in projects
    }


def _project(project: Project) -> dict[str, Any]:
    return {
        "id": project.project_id,
        "name": project.name,
        "organization_id": _ORGANIZATION,
        "timezone": project.time_zone,
        "has_workspaces": True,
        "type": "PROJECT",
    }


def _workspace(project: Project) -> dict[str, Any]:
    return {
        "id": project.project_id,
        "name": _WORKSPACE,
        "project_id": project.project_id,
        "description": "",
        "is_default": True,
        "is_global": True,
        "is_restricted": False,
        "is_visible": True,
        "created_iso": moment(project.created_at_ms),
    }
