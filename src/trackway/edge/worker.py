"""One edge process: makes the parts, wires them into the routes, and serves a socket it was handed.

The socket belongs to the supervisor, so that connections wait in it while a worker is started again. SIGTERM lets
requests in flight finish, then the journal's last sync, then the process ends.
"""

import asyncio
import gc
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvloop

from trackway import http_server, logs, metrics
from trackway.edge.app import SIDE_ROUTES, Edge, Route
from trackway.edge.events import RecordsEndpoint
from trackway.edge.export import PATH as EXPORT_PATH
from trackway.edge.export import ExportEndpoint
from trackway.edge.health import Health
from trackway.edge.http import InFlight
from trackway.edge.ratelimit import RateLimits
from trackway.http_accept import ConnectionCounts
from trackway.journal.commit import GroupCommit
from trackway.journal.entry import Endpoint
from trackway.journal.head import Head
from trackway.journal.writer import Writer
from trackway.limits import GC_ALLOCATIONS, HEALTH_STORE_S_MAX, PROJECTS_REFRESH_S, THREADS
from trackway.projects.directory import ProjectDirectory
from trackway.settings import Settings
from trackway.store.client import Store

RATES_FILE = "rates"

_log = logs.get("edge")


def run(
    sock: socket.socket, counts: ConnectionCounts, settings: Settings, index: int, journal: Path, store_url: str
) -> None:
    """Serve as worker `index` until SIGTERM. Blocks."""
    # A batch makes tens of thousands of objects that all go at once: looking for cycles among them is wasted.
    gc.freeze()
    gc.set_threshold(GC_ALLOCATIONS, 50, 50)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(sock, counts, settings, index, journal, store_url))


async def _serve(
    sock: socket.socket, counts: ConnectionCounts, settings: Settings, index: int, journal: Path, store_url: str
) -> None:
    # Exports wait in threads for the store; they must not keep a health check or the projects waiting.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
    directory = ProjectDirectory(settings.projects_path, _tell_projects)
    directory.refresh()
    refreshing = asyncio.create_task(_refresh(directory))
    writer, store = Writer(journal), Store(store_url)
    commit = GroupCommit(writer, metrics.journal_synced)
    rates = RateLimits(settings.run_dir / RATES_FILE, index, settings)
    health = Health(commit, Head(journal), Store(store_url, answer_timeout_s=HEALTH_STORE_S_MAX))
    export = ExportEndpoint(directory, rates, store, settings.region)
    app = Edge(_routes(settings, directory, commit, rates, health, export), settings.path_prefix)
    try:
        await http_server.serve(app, sock, settings.shutdown_grace_s, counts, index)
    finally:
        refreshing.cancel()
        await commit.close()
        writer.close()
        store.close()


def _routes(
    settings: Settings,
    directory: ProjectDirectory,
    commit: GroupCommit,
    rates: RateLimits,
    health: Health,
    export: ExportEndpoint,
) -> dict[str, Route]:
    """The one table of routes."""
    in_flight = InFlight(settings.in_flight_bytes_max)
    records = {
        endpoint.path: RecordsEndpoint(endpoint, settings, directory, commit, rates, in_flight) for endpoint in Endpoint
    }
    return {
        # By GET, too: the Node SDK sends single records so, even to /import.
        **{path: Route(endpoint, ("GET", "POST")) for path, endpoint in records.items()},
        EXPORT_PATH: Route(export, ("GET",)),
        "/healthz": Route(health.healthz, ("GET", "HEAD")),
        "/readyz": Route(health.readyz, ("GET", "HEAD")),
        "/metrics": Route(health.metrics, ("GET", "HEAD")),
        **SIDE_ROUTES,
    }


async def _refresh(directory: ProjectDirectory) -> None:
    """Take over changes of the projects, made by a command beside the running server."""
    while True:
        await asyncio.sleep(PROJECTS_REFRESH_S)
        await asyncio.to_thread(directory.refresh)


def _tell_projects(failure: str | None) -> None:
    if failure:
        _log.error("projects cannot be read, serving those known", error=failure)
    else:
        _log.info("projects can be read again")
