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
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import uvloop

from trackway import http_server, logs, metrics
from trackway.edge.accounts import AccountsEndpoint
from trackway.edge.app import Edge
from trackway.edge.changes import Changes
from trackway.edge.credentials import Access
from trackway.edge.health import Health
from trackway.edge.http import InFlight
from trackway.edge.ratelimit import RateLimits
from trackway.edge.routes import MakePages, Parts, routes_of
from trackway.edge.verification import Verifier
from trackway.geo.locator import Locator
from trackway.http_accept import ConnectionCounts
from trackway.journal.commit import GroupCommit
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


class Handed(NamedTuple):
    """What an edge process is handed by the supervisor; `journal` is a directory."""

    sock: socket.socket
    counts: ConnectionCounts
    settings: Settings
    journal: Path
    store_url: str
    locator: Locator
    certificate: ServerCertificate | None
    make_pages: MakePages


def run(handed: Handed, index: int) -> None:
    """Serve as worker `index` until SIGTERM. Blocks."""
    # A batch makes tens of thousands of objects that all go at once: looking for cycles among them is wasted.
    gc.freeze()
    gc.set_threshold(GC_ALLOCATIONS, 50, 50)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(handed, index))


async def _serve(handed: Handed, index: int) -> None:
    # Exports wait in threads for the store; they must not keep a health check or the projects waiting.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
    settings, locator, certificate = handed.settings, handed.locator, handed.certificate
    directory = _projects(settings)
    async with AsyncExitStack() as closing:
        verifier, store, writer = Verifier(directory), Store(handed.store_url), Writer(handed.journal)
        access, in_flight = Access(directory, verifier, settings.region), InFlight(settings.in_flight_bytes_max)
        changes = Changes(directory, settings.projects_at)
        accounts = AccountsEndpoint(access, changes, in_flight, settings.path_prefix)
        for part in (changes, verifier, store, writer):
            closing.callback(part.close)
        commit = GroupCommit(writer, metrics.journal_synced)
        closing.push_async_callback(commit.close)
        head = Head(handed.journal)
        health = Health(commit, head, Store(handed.store_url, answer_timeout_s=HEALTH_STORE_S_MAX))
        rates = RateLimits(settings.rates_dir, index, settings)
        serving = (settings, directory, access, rates, commit, store, in_flight, locator, health, accounts)
        parts = Parts(*serving, verifier, changes, head, stopping := asyncio.Event())
        _refresh(closing, locator.refresh, CITY_DATABASE_LOOK_S)
        if certificate is not None:
            _refresh(closing, certificate.refresh, CERTIFICATE_LOOK_S)
        app = Edge(routes_of(parts, handed.make_pages), settings.path_prefix)
        await http_server.serve(
            app,
            handed.sock,
            settings.shutdown_grace_s,
            handed.counts,
            index,
            direct=app.direct,
            certificate=certificate,
            on_stop=stopping.set,
        )


def _refresh(closing: AsyncExitStack, refresh: Callable[[], object], interval_s: float) -> None:
    closing.callback(asyncio.create_task(_again_and_again(refresh, interval_s)).cancel)


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
        try:
            directory.refresh()
        except Exception:  # or changes would never be seen again, with nobody told
            _log.exception("refreshing the projects fails")


def _tell_projects(failure: str | None) -> None:
    if failure:
        _log.error("projects cannot be read, keeping to those known", error=failure)
    else:
        _log.info("projects can be read again")
