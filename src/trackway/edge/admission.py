"""Who may send here, and how much: what is asked of a request before its records are looked at, or kept.

`/import` is asked before a byte of its body is read. The other endpoints name their projects in each record, so their
limits of records and bytes are looked at as soon as a record's token is known.
"""

import re

from msgspec import UNSET

from trackway.edge.credentials import authenticate, check_project_id
from trackway.edge.decode import query_parameters
from trackway.edge.http import Scope, header
from trackway.edge.ratelimit import RateLimits
from trackway.ingest.events import EventRecord
from trackway.ingest.members import look
from trackway.ingest.request import Ingested
from trackway.journal.entry import NO_PROJECT, Endpoint
from trackway.projects.directory import ProjectDirectory
from trackway.projects.project import Project
from trackway.residency import is_of_another_region
from trackway.settings import Settings

_TOKEN = re.compile(rb'"\$?token"\s*:\s*"([A-Za-z0-9]{1,64})"')


class Admission:
    """The door of one endpoint."""

    def __init__(self, endpoint: Endpoint, settings: Settings, directory: ProjectDirectory, rates: RateLimits):
        self._endpoint = endpoint
        self._settings = settings
        self._directory = directory
        self._rates = rates

    def project_of(self, scope: Scope) -> Project | None:
        """The project of an `/import` request, which is counted, before a byte of its body is read.

        Raises RequestError 401 or 429.
        """
        if self._endpoint is not Endpoint.IMPORT:
            return None
        project = authenticate(header(scope, b"authorization"), self._directory)
        check_project_id(project, query_parameters(scope["query_string"]))
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

    def admit_single(self, record: EventRecord, size_bytes: int) -> bool:
        """Count an event that came alone; False when its project has no limit of records. Raises RequestError 429."""
        token = UNSET if record.properties is UNSET else look(record.properties, "token")
        project = self._directory.by_token(token) if type(token) is str else None
        if project is None or not self._rates.limits_records(project):
            return False
        self._rates.check_records(project)
        self._rates.count_records(project, 1, size_bytes)
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
