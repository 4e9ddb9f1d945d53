"""A report as one row of a table: its path, its parameters, and how it is answered.

Every report takes `explain=sql`, which gives the statements, the values that they bind, and whether a kept result was
their answer. Where a report has a table form, `format=csv` gives that.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from trackway.domain.errors import RequestError
from trackway.edge.access.credentials import SIGNED
from trackway.edge.api.endpoint_shell import Query
from trackway.edge.api.mapped_columns import mapped_of, may_name_columns
from trackway.edge.limits import QUERY_BODY_BYTES_MAX
from trackway.edge.quotas.rate_limits import REPORTING
from trackway.edge.wire.parameter_tables import Table
from trackway.edge.wire.parameters import Parameters
from trackway.edge.wire.replies import CSV, Reply, error_reply
from trackway.projects.project import Project
from trackway.projects.roles import Right
from trackway.query.mapped_tables import Mapped
from trackway.query.reports.assured import answered
from trackway.query.reports.run import Run
from trackway.store.reader import Readers

if TYPE_CHECKING:
    from trackway.projects.saved_table import Saved

Wanted = TypeVar("Wanted")
PREFIXES = ("/api/query/", "/api/2.0/")
"""The Query API of today, and that of older clients."""
_UNAUTHENTICATED = "Unable to authenticate request"  # clients read these words


@dataclass(frozen=True)
class Report(Generic[Wanted]):
    """A report at `path` below each of PREFIXES.

    `parse` raises RequestError 400, naming the parameter. `answer` gives a value for JSON, which is not an object with
    the key `error`: clients take that for a failure. `csv` writes such a value as a table. `load`
    completes the value of `parse` as that of a Query does.
    """

    path: str
    table: Table
    parse: Callable[[Parameters, Project], Wanted]
    answer: Callable[[Run, Wanted], Awaitable[Any]]
    csv: Callable[[Any], str] | None = None
    load: Callable[[Wanted], Callable[["Saved"], Wanted] | None] | None = None
    right: Right = Right.REPORTS

    @property
    def query(self) -> Query[Any]:
        return Query(
            self.table,
            self.right,
            self.path,
            self._parse,
            self._answer,
            body_bytes_max=QUERY_BODY_BYTES_MAX,
            kind=REPORTING,
            refused=report_refused,
            load=self._load,
        )

    def _parse(self, parameters: Parameters, project: Project) -> "_Asked[Wanted]":
        formats = ("json", "csv") if self.csv else ("json",)
        format = parameters.get("format", "").lower() or "json"
        if format not in formats:
            raise RequestError(400, f"format must be {' or '.join(formats)}")
        explain = parameters.get("explain", "").lower()
        if explain not in ("", "sql"):
            raise RequestError(400, "explain must be sql")
        wanted = _within_levels(lambda: self.parse(parameters, project))
        return _Asked(project.project_id, wanted, format == "csv", bool(explain), may_name_columns(parameters))

    def _load(self, asked: "_Asked[Wanted]") -> Callable[["Saved"], "_Asked[Wanted]"] | None:
        load = self.load and self.load(asked.wanted)
        if load is None and not asked.names_columns:
            return None

        def loaded(saved: "Saved") -> "_Asked[Wanted]":
            wanted = asked.wanted if load is None else _within_levels(lambda: load(saved))
            return asked._replace(wanted=wanted, mapped=mapped_of(saved, asked.project_id))

        return loaded

    def _answer(self, readers: Readers, asked: "_Asked[Wanted]") -> Awaitable[object]:
        return answered(readers.reports, asked.project_id, asked.mapped, lambda run: self._run(run, asked))

    async def _run(self, run: Run, asked: "_Asked[Wanted]") -> object:
        answer = await self.answer(run, asked.wanted)
        if asked.explained:
            return {"statements": [each.explained for each in run.statements]}
        if asked.as_csv and self.csv:
            return Reply(200, CSV, self.csv(answer).encode())
        return answer


def _within_levels(read: Callable[[], Wanted]) -> Wanted:
    """What `read` gives. Raises RequestError 400 for JSON of a client that has hundreds of levels."""
    try:
        return read()
    except RecursionError as error:
        raise RequestError(400, "a parameter has too many levels of JSON") from error


class _Asked(NamedTuple, Generic[Wanted]):
    """`names_columns`: whether it may name columns of lookup tables. `mapped`: the properties that have such."""

    project_id: int
    wanted: Wanted
    as_csv: bool
    explained: bool
    names_columns: bool
    mapped: Sequence[Mapped] = ()


def report_refused(error: RequestError) -> Reply:
    """The reply of the Query API to a request that was refused."""
    if error.status == 401:
        cause = SIGNED if error.message == SIGNED else "invalid credentials"
        error = RequestError(401, f"{_UNAUTHENTICATED}: {cause}")
    return error_reply(error)
