"""The one table of routes, and the parts that their handlers share."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from trackway.domain.endpoint import Endpoint
from trackway.edge.access.audit_writer import Audit
from trackway.edge.access.change_queue import Changes
from trackway.edge.access.credentials import Access
from trackway.edge.access.operator import Operator
from trackway.edge.access.project_refresh import FreshProjects
from trackway.edge.access.secret_verification import Verifier
from trackway.edge.api import (
    data_retention,
    facts,
    identities,
    loaded_events,
    lookup_tables,
    profiles,
    rate_limit_status,
    raw_export,
    service_accounts,
    site_script,
    sql_statements,
    store_check,
)
from trackway.edge.api.endpoint_shell import Shell
from trackway.edge.api.health import Health
from trackway.edge.api.paths_with_ids import PathsWithIds
from trackway.edge.api.person_tasks import PersonTaskRequests
from trackway.edge.api.reports.report import PREFIXES
from trackway.edge.api.reports.table import REPORTS
from trackway.edge.api.saved.lookup_mappings import LookupMappings
from trackway.edge.api.saved.memberships import membership_paths
from trackway.edge.api.saved.requests import SavedRequests
from trackway.edge.api.saved.table import paths_with_ids, query_paths
from trackway.edge.api.site_script import SiteScript, SiteScriptEndpoint
from trackway.edge.api.store_check import StoreCheck
from trackway.edge.app import SIDE_ROUTES, Route, Routes
from trackway.edge.ingestion.import_pace import ImportPace
from trackway.edge.ingestion.offload import HeavyWork
from trackway.edge.ingestion.records_endpoint import RecordsEndpoint
from trackway.edge.ingestion.single_events import SinglesEndpoint
from trackway.edge.quotas.in_flight import InFlight
from trackway.edge.quotas.rate_limits import RateLimits
from trackway.edge.wire.asgi import Handler
from trackway.geo.locator import Locator
from trackway.http.connections import Connections
from trackway.journal.log import Appender, Progress
from trackway.mail.server import MailServer
from trackway.projects.project_lookup import ProjectDirectory
from trackway.runtime.disk_room import DiskRoom
from trackway.settings.table import Settings
from trackway.store.reader import Readers


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The parts that an edge process has one of.

    `verifier` is that of sign-in forms; HTTP Basic has its own in `access`. `stopping` is set when the process gets
    SIGTERM: replies without an end of their own end then. `session_key`: the key of sessions that several machines
    share, None on one machine. `mail`: None where no mail is set up.
    """

    settings: Settings
    directory: ProjectDirectory
    access: Access
    rates: RateLimits
    operator: Operator
    journal: Appender
    readers: Readers
    in_flight: InFlight
    locator: Locator
    health: Health
    verifier: Verifier
    changes: Changes
    progress: Progress
    stopping: asyncio.Event
    room: DiskRoom
    connections: Connections
    audit: Audit
    fresh_projects: FreshProjects
    session_key: bytes | None = None
    mail: MailServer | None = None
    site_script: SiteScript | None = None
    provider_secret: str = field(default="", repr=False)


def health_routes(health: Health, *, with_details: bool) -> dict[str, Route]:
    """The routes of health checks. Details are left out where they have a port of their own."""
    methods = ("GET", "HEAD")
    routes = {"/healthz": Route(health.healthz, methods, same_origin=True)}
    if with_details:
        routes["/readyz"] = Route(health.readyz, methods, same_origin=True)
        routes["/metrics"] = Route(health.metrics, methods, same_origin=True)
    return routes


MakePages = Callable[[Parts, RecordsEndpoint], Handler]
"""Makes the handler of the web pages, from the parts and the endpoint of `/track`. The pages import the edge; the edge
does not import them."""
PAGES_PATH = "/app"


def routes_of(parts: Parts, make_pages: MakePages) -> Routes:
    records = _records(parts)
    track = records[Endpoint.TRACK]
    singles = SinglesEndpoint(parts.settings, parts.journal, parts.in_flight, track)
    shell = Shell(parts.access, parts.rates, parts.in_flight, parts.readers, parts.changes)
    check = StoreCheck(shell, parts.readers, parts.changes, parts.operator, parts.progress)
    tables = lookup_tables.LookupTablesEndpoint(shell, parts.settings, parts.readers.lookup_tables, parts.room)
    saved = SavedRequests(shell, parts.changes)
    mappings = LookupMappings(shell, parts.changes, parts.readers.lookup_tables)
    persons = PersonTaskRequests(shell, parts.changes, parts.directory, parts.readers, parts.settings.erasure_delay_s)
    accounts = service_accounts.AccountsEndpoint(shell, parts.changes, parts.readers, parts.settings.event_retention)
    in_app = PathsWithIds(
        parts.settings.path_prefix,
        service_accounts.PATH,
        accounts.table() | membership_paths(shell) | paths_with_ids(saved) | mappings.paths() | persons.paths(),
    )
    pages = make_pages(parts, track)
    query_profiles = shell.query(profiles.PROFILES)
    rates = shell.command(rate_limit_status.rate_limit_status(parts.rates))
    unlink = shell.command(identities.unlink(shell, parts.journal))
    at = {
        "": Route(pages, ("GET", "HEAD")),
        PAGES_PATH: Route(pages, ("GET", "HEAD")),
        # By GET, too: the Node SDK sends single records so, even to /import.
        **{endpoint.path: Route(handler, ("GET", "POST")) for endpoint, handler in records.items()},
        Endpoint.TRACK.path: Route(track, ("GET", "POST"), singles.direct),
        raw_export.PATH: Route(shell.query(raw_export.RAW_EXPORT), ("GET",), keyed=True),
        **{path: Route(query_profiles, ("GET", "POST"), keyed=True) for path in profiles.PATHS},
        **{
            prefix + report.path: Route(shell.query(report.query), ("GET", "POST"), keyed=True)
            for report in REPORTS
            for prefix in PREFIXES
        },
        **{path: Route(handler, ("GET", "POST"), keyed=True) for path, handler in query_paths(saved).items()},
        sql_statements.PATH: Route(shell.query(sql_statements.STATEMENT), ("POST",), keyed=True),
        identities.PATH: Route(shell.query(identities.SHOW), ("GET",), keyed=True),
        identities.PREVIEW_PATH: Route(shell.query(identities.PREVIEW), ("GET",), keyed=True),
        identities.UNLINK_PATH: Route(unlink, ("POST",), keyed=True),
        facts.PATH: Route(shell.query(facts.SHOW), ("GET",), keyed=True),
        facts.REBUILD_PATH: Route(shell.command(facts.rebuild(shell, parts.readers)), ("POST",), keyed=True),
        facts.STEPS_PATH: Route(shell.query(facts.STEPS), ("GET",), keyed=True),
        facts.COMPARE_PATH: Route(shell.query(facts.COMPARE), ("GET",), keyed=True),
        store_check.PATH: Route(shell.command(check.state()), ("GET",), keyed=True),
        store_check.PART_PATH: Route(shell.command(check.part()), ("GET",), keyed=True),
        store_check.EVENTS_PATH: Route(shell.command(check.events()), ("GET",), keyed=True),
        loaded_events.PATH: Route(shell.query(loaded_events.EVENTS), ("GET",), keyed=True),
        loaded_events.DAYS_PATH: Route(shell.query(loaded_events.DAYS), ("GET",), keyed=True),
        data_retention.PATH: Route(
            shell.query(data_retention.query(parts.settings.event_retention)), ("GET",), keyed=True
        ),
        rate_limit_status.PATH: Route(rates, ("GET",), keyed=True),
        lookup_tables.PATH: Route(tables, ("GET", "POST"), keyed=True),
        **health_routes(parts.health, with_details=not parts.settings.ops_port),
        **SIDE_ROUTES,
    }
    below: dict[str, Handler] = {lookup_tables.PATH: tables, service_accounts.PATH: in_app, PAGES_PATH: pages}
    if parts.site_script is not None:
        below[site_script.FOLDER] = SiteScriptEndpoint(parts.settings.path_prefix, parts.site_script)
    return Routes(at, below)


def _records(parts: Parts) -> dict[Endpoint, RecordsEndpoint]:
    heavy = HeavyWork()
    return {
        endpoint: RecordsEndpoint(
            endpoint,
            parts.settings,
            parts.directory,
            parts.access,
            parts.journal,
            parts.rates,
            parts.in_flight,
            parts.locator,
            heavy,
            parts.operator,
            ImportPace(parts.progress),
        )
        for endpoint in Endpoint
    }
