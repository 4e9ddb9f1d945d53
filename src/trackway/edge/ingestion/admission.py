"""Admission of records: credentials, and the limits of requests, records and bytes.

An `/import` is checked before a byte of its body is read. On the other endpoints each record names its project, so
their limits are checked as soon as the token of a record is known.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import NO_PROJECT
from trackway.domain.region import is_of_another_region, refusal
from trackway.edge.access.credentials import Access, Caller
from trackway.edge.access.operator import Operator
from trackway.edge.ingestion.known_tokens import first_token
from trackway.edge.ingestion.records_request import RecordsRequest
from trackway.edge.quotas.rate_limits import RateLimits
from trackway.edge.wire.asgi import Scope, header
from trackway.ingest.coalesce import token_of
from trackway.ingest.outcome import Ingested
from trackway.projects.account import Account
from trackway.projects.project import Project
from trackway.projects.project_lookup import ProjectDirectory
from trackway.projects.roles import Right
from trackway.settings.table import Settings


class Admitted(NamedTuple):
    """A request that may send its records. `caller` and `project` are those of an `/import`. `refusal`: why
    the records are refused unread, since the project's data belongs to another region."""

    caller: Caller | None
    project: Project | None
    refusal: str | None = None


class Admission:
    """The admission of one endpoint."""

    def __init__(
        self,
        endpoint: Endpoint,
        settings: Settings,
        directory: ProjectDirectory,
        access: Access,
        rates: RateLimits,
        operator: Operator,
    ) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._directory = directory
        self._access = access
        self._rates = rates
        self._operator = operator

    async def at_head(self, request: RecordsRequest) -> Admitted:
        """Whether a request may send its body. `/import`, the only endpoint with credentials, is counted here unless
        only its body can name the project.

        Raises RequestError 400, 401, 403, 413, 429 or 503.
        """
        caller = await self._caller(request)
        parameters = request.query.parameters
        if caller is None or (isinstance(caller, Account) and not parameters.get("project_id")):
            return Admitted(caller, None)
        return await self._counted(request, caller, parameters)

    async def at_body(
        self, request: RecordsRequest, admitted: Admitted, form: Callable[[], Mapping[str, str]]
    ) -> Admitted:
        """Check the credentials of an `/import` again once its body has arrived, which may take minutes. `form` gives
        the parameters with those of the body. Raises RequestError as `at_head`."""
        caller = await self._caller(request)
        if caller is None or admitted.caller is None:
            return admitted
        if admitted.project is None:
            return await self._counted(request, admitted.caller, form())
        await self._access.granted(caller, Right.IMPORT, request.query.parameters)
        return admitted

    async def _caller(self, request: RecordsRequest) -> Caller | None:
        return await self._access.caller(request.scope) if self._endpoint is Endpoint.IMPORT else None

    async def _counted(self, request: RecordsRequest, caller: Caller, parameters: Mapping[str, str]) -> Admitted:
        project = await self._access.granted(caller, Right.IMPORT, parameters)
        if self._operator.sent(request.scope):
            self._rates.check_records(project)
        else:
            self._rates.count_import(project)
        host, misled = header(request.scope, b"host"), self.is_misled(request.scope)
        return Admitted(caller, project, refusal(project.region, self._settings.region, host, misled=misled))

    def is_misled(self, scope: Scope) -> bool:
        """Whether the client calls the server by a name of another region."""
        settings = self._settings
        return settings.region_host_names and is_of_another_region(header(scope, b"host"), settings.region)

    def refuse_early(self, text: bytes) -> None:
        """Refuse records of a project whose last records were refused, by the first token of the text, before they are
        parsed. Raises RequestError 429."""
        if self._rates.refused and (token := first_token(text)):
            project = self._directory.by_token(token)
            if project is not None:
                self._rates.check_records(project)

    @property
    def limits_records(self) -> bool:
        """Whether some project may have a limit of records."""
        return self._rates.limits_records_of_all or self._directory.some_have_settings

    def admit_single(self, text: bytes) -> bool:
        """Count an event that came alone; False when its project has no limit of records. Raises RequestError 429."""
        token = token_of(text)
        project = self._directory.by_token(token) if type(token) is str else None
        if project is None or not self._rates.limits_records(project):
            return False
        self._rates.check_records(project)
        self._rates.count_records(project, 1, len(text))
        return True

    def rejected_left(self, project_id: int) -> int:
        """As `RateLimits.rejected_left`."""
        return self._rates.rejected_left(project_id)

    def count_rejected(self, ingested: Ingested) -> None:
        """Count what is kept of rejected records."""
        self._rates.count_rejected(ingested.rejected_kept)

    def count_records(self, ingested: Ingested, size_bytes: int) -> None:
        """Each project's records, with their share of the bytes. Raises RequestError 429 before anything is counted."""
        named = [
            (self._directory.by_id(number), kept) for number, kept in ingested.kept.items() if number != NO_PROJECT
        ]
        limited = [(project, kept) for project, kept in named if project and self._rates.limits_records(project)]
        for project, _ in limited:
            self._rates.check_records(project)
        for project, kept in limited:
            self._rates.count_records(project, kept, size_bytes * kept // ingested.received)
