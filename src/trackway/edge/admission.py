"""Who may send here, and how much: what is asked of a request before its records are looked at, or kept.

`/import` is asked before a byte of its body is read. The other endpoints name their projects in each record, so their
limits of records and bytes are looked at as soon as a record's token is known.
"""

import re
from collections.abc import Mapping

from trackway.edge.credentials import Access, Caller
from trackway.edge.http import Scope, header
from trackway.edge.ratelimit import RateLimits
from trackway.ingest.request import Ingested, token_of
from trackway.journal.entry import NO_PROJECT, Endpoint
from trackway.projects.account import Account
from trackway.projects.directory import ProjectDirectory
from trackway.projects.project import Project
from trackway.projects.roles import Right
from trackway.residency import is_of_another_region
from trackway.settings import Settings

_TOKEN = re.compile(rb'"\$?token"\s*:\s*"([A-Za-z0-9]{1,64})"')


class Admission:
    """The door of one endpoint."""

    def __init__(
        self, endpoint: Endpoint, settings: Settings, directory: ProjectDirectory, access: Access, rates: RateLimits
    ) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._directory = directory
        self._access = access
        self._rates = rates

    async def caller(self, scope: Scope) -> Caller | None:
        """Whose credentials came with a request to `/import`, the only endpoint that takes any. Raises RequestError 401
        or 503."""
        if self._endpoint is not Endpoint.IMPORT:
            return None
        return await self._access.caller(header(scope, b"authorization"))

    async def still_granted(self, scope: Scope, named: Project | None, parameters: Mapping[str, str]) -> None:
        """Ask again, when the body of an `/import` is there, what was asked at its head. Raises RequestError 401, 403
        or 503."""
        caller = await self.caller(scope)
        if caller is not None and named is not None:
            self._access.granted(caller, Right.IMPORT, parameters)

    def project_named(self, caller: Caller | None, parameters: Mapping[str, str]) -> Project | None:
        """`project_of`, or None where only the body can tell: of a service account, it may be a form that names it."""
        if caller is None or (isinstance(caller, Account) and not parameters.get("project_id")):
            return None
        return self.project_of(caller, parameters)

    def project_of(self, caller: Caller, parameters: Mapping[str, str]) -> Project:
        """The project of a request to `/import`, which is counted. Raises RequestError 400, 401, 403 or 429."""
        project = self._access.granted(caller, Right.IMPORT, parameters)
        self._rates.count_import(project)
        return project

    def is_misled(self, scope: Scope) -> bool:
        """Whether the client calls the server by a name of another region."""
        settings = self._settings
        return settings.region_host_names and is_of_another_region(header(scope, b"host"), settings.region)

    def is_elsewhere(self, scope: Scope, project: Project) -> bool:
        return project.region != self._settings.region or self.is_misled(scope)

    def refuse_early(self, text: bytes) -> None:
        """Refuse records of a project whose last ones were refused, by the first token that stands in the text, before
        they are looked at. Raises RequestError 429."""
        if self._rates.refused and (token := _TOKEN.search(text)):
            project = self._directory.by_token(token[1].decode())
            if project is not None:
                self._rates.check_records(project)

    def admit_single(self, text: bytes) -> bool:
        """Count an event that came alone; False when its project has no limit of records. Raises RequestError 429."""
        if not self._rates.limits_records_of_all and not self._directory.some_have_settings:
            return False
        token = token_of(text)
        project = self._directory.by_token(token) if type(token) is str else None
        if project is None or not self._rates.limits_records(project):
            return False
        self._rates.check_records(project)
        self._rates.count_records(project, 1, len(text))
        return True

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
