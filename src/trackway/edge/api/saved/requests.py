"""Requests to read and change what a project has saved: their rights, their bodies, and the thread that they run in.

Each endpoint is one function, which gets the saved things and the request, and gives what its reply shows. It runs in
the thread of changes, and raises RequestError, InvalidInput and UnknownSaved.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from trackway.domain.errors import RequestError
from trackway.edge.access.change_queue import Changes
from trackway.edge.api.endpoint_shell import Asked, Command, Shell
from trackway.edge.api.paths_with_ids import answer, found, refused
from trackway.edge.api.reports.report import report_refused
from trackway.edge.limits import QUERY_BODY_BYTES_MAX, SAVED_BODY_BYTES_MAX
from trackway.edge.wire.asgi import Handler, check_json
from trackway.edge.wire.parameter_tables import Table
from trackway.edge.wire.parameters import Parameters
from trackway.edge.wire.replies import Reply
from trackway.projects.account import Account
from trackway.projects.roles import Right
from trackway.projects.saved import Creator

if TYPE_CHECKING:
    from trackway.projects.saved_table import Saved

Result = TypeVar("Result")
Work = Callable[["Saved", Asked], Result]
_IDS_MAX = 1000


class SavedRequests:
    """Makes ASGI applications of such functions."""

    def __init__(self, shell: Shell, changes: Changes):
        self._shell = shell
        self._changes = changes

    def read(self, table: Table, work: Work[object], *, plain: bool = False) -> Handler:
        """A request below /api/app that shows something. `plain`: the answer has no envelope."""

        async def run(asked: Asked) -> Reply:
            results = await self._done(asked, work)
            return answer(results) if plain else found(results)

        return self._shell.command(Command(table, Right.REPORTS, run, refused=refused))

    def change(self, table: Table, work: Work[object], status: int = 200, *, plain: bool = False) -> Handler:
        """A request below /api/app that changes something, by a body of JSON. `plain` as for `read`."""

        async def run(asked: Asked) -> Reply:
            if asked.request.method != "DELETE":
                check_json(asked.request.scope)
            results = await self._done(asked, work)
            return answer(results, status) if plain else found(results, status)

        return self._shell.command(Command(table, Right.SAVE, run, SAVED_BODY_BYTES_MAX, refused=refused))

    def query(self, table: Table, work: Work[object], right: Right = Right.REPORTS) -> Handler:
        """A request to the Query API, whose reply is what the function gives."""

        async def run(asked: Asked) -> Reply:
            return answer(await self._done(asked, work))

        command = Command(table, right, run, QUERY_BODY_BYTES_MAX, is_form=True, refused=report_refused)
        return self._shell.command(command)

    def _done(self, asked: Asked, work: Work[Result]) -> Awaitable[Result]:
        author = self._shell.access.author(asked.request.scope)
        return self._changes.run(lambda opened: work(opened.saved, asked), author)


def creator_of(asked: Asked) -> Creator:
    """Who saves something by this request."""
    if isinstance(asked.caller, Account):
        return Creator(asked.caller.account_id, asked.caller.username)
    return Creator(None, asked.caller.kind)


def ids_of(parameters: Parameters, name: str = "ids") -> list[int] | None:
    """Ids with commas between them, as `1,2`; None when the parameter is absent. Raises RequestError 400."""
    text = parameters.get(name, "")
    if not text:
        return None
    parts = text.split(",")
    if len(parts) > _IDS_MAX or not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
        raise RequestError(400, f"{name} must be at most {_IDS_MAX} ids with commas between them")
    return [int(part) for part in parts]
