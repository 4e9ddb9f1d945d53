"""One edge process: makes the parts, wires them into the routes, and serves a socket it was handed.

The socket belongs to the supervisor, so that connections wait in it while a worker is started again. SIGTERM lets
requests in flight finish, then the journal's last sync, then the process ends.
"""

import asyncio
import gc
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvloop

from trackway import http_server, logs, metrics
from trackway.edge.accounts import PATH as ACCOUNTS_PATH
from trackway.edge.accounts import AccountsEndpoint
from trackway.edge.app import SIDE_ROUTES, Edge, Route
from trackway.edge.credentials import Access
from trackway.edge.events import RecordsEndpoint
from trackway.edge.export import PATH as EXPORT_PATH
from trackway.edge.export import ExportEndpoint
from trackway.edge.health import Health
from trackway.edge.http import InFlight
from trackway.edge.identity import PATH as IDENTITY_PATH
from trackway.edge.identity import PREVIEW_PATH, UNLINK_PATH, IdentityEndpoints
from trackway.edge.lookup_tables import PATH as LOOKUP_TABLES_PATH
from trackway.edge.lookup_tables import LookupTablesEndpoint
from trackway.edge.profile_query import PATHS as PROFILE_QUERY_PATHS
from trackway.edge.profile_query import ProfileQueryEndpoint
from trackway.edge.rate_query import PATH as RATES_PATH
from trackway.edge.rate_query import RateQueryEndpoint
from trackway.edge.ratelimit import RateLimits
from trackway.edge.singles import SinglesEndpoint
from trackway.edge.verification import Verifier
from trackway.geo.locator import Locator
from trackway.http_accept import ConnectionCounts
from trackway.journal.commit import GroupCommit
from trackway.journal.entry import Endpoint
from trackway.journal.head import Head
from trackway.journal.writer import Writer
from trackway.limits import (
    CERTIFICATE_LOOK_S,
    CITY_DATABASE_LOOK_S,
    GC_ALLOCATIONS,
    HEALTH_STORE_S_MAX,
    PROJECTS_AWAY_S_MAX,
    PROJECTS_AWAY_S_MIN,
    PROJECTS_REFRESH_S,
    THREADS,
)
from trackway.projects.directory import ProjectDirectory
from trackway.settings import Settings
from trackway.store.client import Store
from trackway.tls import ServerCertificate

_log = logs.get("edge")


def run(
    sock: socket.socket,
    counts: ConnectionCounts,
    settings: Settings,
    index: int,
    journal: Path,
    store_url: str,
    locator: Locator,
    certificate: ServerCertificate | None,
) -> None:
    """Serve as worker `index` until SIGTERM. Blocks."""
    # A batch makes tens of thousands of objects that all go at once: looking for cycles among them is wasted.
    gc.freeze()
    gc.set_threshold(GC_ALLOCATIONS, 50, 50)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(sock, counts, settings, index, journal, store_url, locator, certificate))


async def _serve(
    sock: socket.socket,
    counts: ConnectionCounts,
    settings: Settings,
    index: int,
    journal: Path,
    store_url: str,
    locator: Locator,
    certificate: ServerCertificate | None,
) -> None:
    # Exports wait in threads for the store; they must not keep a health check or the projects waiting.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
    directory = _projects(settings)
    refreshing = [
        asyncio.create_task(_again_and_again(locator.refresh, CITY_DATABASE_LOOK_S)),
    ]
    if certificate is not None:
        refreshing.append(asyncio.create_task(_again_and_again(certificate.refresh, CERTIFICATE_LOOK_S)))
    writer, store = Writer(journal), Store(store_url)
    commit = GroupCommit(writer, metrics.journal_synced)
    rates = RateLimits(settings.rates_dir, index, settings)
    health = Health(commit, Head(journal), Store(store_url, answer_timeout_s=HEALTH_STORE_S_MAX))
    verifier = Verifier(directory)
    access = Access(directory, verifier, settings.region)
    export = ExportEndpoint(access, rates, store)
    in_flight = InFlight(settings.in_flight_bytes_max)
    profiles = ProfileQueryEndpoint(access, rates, store, in_flight)
    identity = IdentityEndpoints(access, rates, store, commit, in_flight)
    routes = _routes(settings, directory, access, commit, rates, health, export, profiles, identity, locator, in_flight)
    lookup_tables = LookupTablesEndpoint(access, settings, store, in_flight)
    routes[LOOKUP_TABLES_PATH] = Route(lookup_tables, ("GET", "POST"))
    accounts = AccountsEndpoint(access, directory, settings.projects_at, in_flight, settings.path_prefix)
    app = Edge(routes, settings.path_prefix, {LOOKUP_TABLES_PATH: lookup_tables, ACCOUNTS_PATH: accounts})
    try:
        await http_server.serve(
            app, sock, settings.shutdown_grace_s, counts, index, direct=app.direct, certificate=certificate
        )
    finally:
        for task in refreshing:
            task.cancel()
        await commit.close()
        writer.close()
        store.close()
        verifier.close()
        accounts.close()


def _routes(
    settings: Settings,
    directory: ProjectDirectory,
    access: Access,
    commit: GroupCommit,
    rates: RateLimits,
    health: Health,
    export: ExportEndpoint,
    profiles: ProfileQueryEndpoint,
    identity: IdentityEndpoints,
    locator: Locator,
    in_flight: InFlight,
) -> dict[str, Route]:
    """The one table of routes."""
    records = {
        endpoint: RecordsEndpoint(endpoint, settings, directory, access, commit, rates, in_flight, locator)
        for endpoint in Endpoint
    }
    singles = SinglesEndpoint(settings, commit, in_flight, records[Endpoint.TRACK])
    return {
        # By GET, too: the Node SDK sends single records so, even to /import.
        **{endpoint.path: Route(handler, ("GET", "POST")) for endpoint, handler in records.items()},
        Endpoint.TRACK.path: Route(records[Endpoint.TRACK], ("GET", "POST"), singles.direct),
        EXPORT_PATH: Route(export, ("GET",)),
        **{path: Route(profiles, ("GET", "POST")) for path in PROFILE_QUERY_PATHS},
        IDENTITY_PATH: Route(identity.show, ("GET",)),
        PREVIEW_PATH: Route(identity.preview, ("GET",)),
        UNLINK_PATH: Route(identity.unlink, ("POST",)),
        RATES_PATH: Route(RateQueryEndpoint(access, rates), ("GET",)),
        "/healthz": Route(health.healthz, ("GET", "HEAD")),
        "/readyz": Route(health.readyz, ("GET", "HEAD")),
        "/metrics": Route(health.metrics, ("GET", "HEAD")),
        **SIDE_ROUTES,
    }


async def _again_and_again(refresh: Callable[[], object], interval_s: float) -> None:
    """Take over changes that were made beside the running server: of city database and certificate."""
    while True:
        await asyncio.sleep(interval_s)
        await asyncio.to_thread(refresh)


def _projects(settings: Settings) -> ProjectDirectory:
    """The projects, known and kept up to date. Blocks while the database is away: who knows of no project would
    reject what a client sends, while connections can wait or find another edge process."""
    directory = ProjectDirectory(settings.projects_at, _tell_projects)
    wait_s = PROJECTS_AWAY_S_MIN
    while not directory.refresh():
        time.sleep(wait_s)
        wait_s = min(2 * wait_s, PROJECTS_AWAY_S_MAX)
    # Nobody waits for this thread at the end: a database that does not answer must not hold up a shutdown.
    threading.Thread(target=_refresh_for_ever, args=(directory,), name="projects", daemon=True).start()
    return directory


def _refresh_for_ever(directory: ProjectDirectory) -> None:
    while True:
        time.sleep(PROJECTS_REFRESH_S)
        directory.refresh()


def _tell_projects(failure: str | None) -> None:
    if failure:
        _log.error("projects cannot be read, keeping to those known", error=failure)
    else:
        _log.info("projects can be read again")
