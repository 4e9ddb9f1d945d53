"""One edge process: makes the parts, binds them to the routes, and serves a socket that it gets.

The socket belongs to the supervisor, so that connections wait in it while a worker restarts. After SIGTERM the requests
in flight finish, then the journal syncs for the last time, then the process ends.
"""

import asyncio
import gc
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from typing import NamedTuple

import uvloop

from trackway.domain.limits import GC_ALLOCATIONS, PROJECTS_AWAY_S_MAX, PROJECTS_AWAY_S_MIN
from trackway.edge.access.audit_writer import Audit
from trackway.edge.access.change_queue import Changes
from trackway.edge.access.client_address import networks
from trackway.edge.access.credentials import Access
from trackway.edge.access.operator import Operator
from trackway.edge.access.peers import Peers
from trackway.edge.access.project_refresh import FreshProjects
from trackway.edge.access.secret_verification import Verifier
from trackway.edge.api.health import Health
from trackway.edge.api.site_script import SiteScript
from trackway.edge.app import Edge, Routes
from trackway.edge.ingestion.spread import Spread
from trackway.edge.limits import CERTIFICATE_LOOK_S, CITY_DATABASE_LOOK_S, PROJECTS_REFRESH_S, THREADS
from trackway.edge.quotas.in_flight import InFlight
from trackway.edge.quotas.machines import UseOfMachines
from trackway.edge.quotas.rate_limits import WINDOWS, RateLimits
from trackway.edge.routes import MakePages, Parts, health_routes, routes_of
from trackway.geo.locator import Locator
from trackway.http import server
from trackway.http.accept import ConnectionCounts
from trackway.http.connections import Connections
from trackway.http.tls import ServerCertificate
from trackway.journal.log import Appender, Journal
from trackway.mail.server import MailServer
from trackway.projects.project_lookup import ProjectDirectory
from trackway.runtime.background import pause, start_task, start_thread
from trackway.runtime.disk_room import DiskRoom
from trackway.runtime.heartbeat import Heartbeat, beat_for_ever
from trackway.settings.table import Settings
from trackway.store.reader import Readers, open_readers
from trackway.telemetry import logs, metrics

_log = logs.get("edge")


class Handed(NamedTuple):
    """What an edge process is handed by the supervisor."""

    sock: socket.socket
    counts: ConnectionCounts
    settings: Settings
    journal: Journal
    store_url: str
    room: DiskRoom
    locator: Locator
    certificate: ServerCertificate | None
    make_pages: MakePages
    operator_key: str
    ops: server.Listening | None = None
    """Where details of the server's health are asked for, if not where all else is."""
    session_key: bytes | None = None
    """The key of sessions that several machines share."""
    site_script: SiteScript | None = None
    """The browser SDK for web sites, if there is one."""
    provider_secret: str = ""
    """The server's secret at the provider of OpenID Connect, if it has one."""
    mail: MailServer | None = None
    """Sends invitations, if mail is set up."""


def run(handed: Handed, index: int, heartbeat: Heartbeat) -> None:
    """Serve as worker `index` until SIGTERM, with a heartbeat. Blocks."""
    # A batch makes tens of thousands of objects that all go at once: looking for cycles among them is wasted.
    gc.freeze()
    gc.set_threshold(GC_ALLOCATIONS, 50, 50)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(handed, index, heartbeat))


async def _serve(handed: Handed, index: int, heartbeat: Heartbeat) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
    settings, locator, certificate = handed.settings, handed.locator, handed.certificate
    directory = _projects(settings)
    async with AsyncExitStack() as closing:
        closing.callback(start_task(beat_for_ever(heartbeat.beat), "heartbeat").cancel)  # the last to end
        basic, forms = Verifier(directory), Verifier(directory)  # so that neither keeps the other waiting
        readers = open_readers(handed.store_url, settings.report_cache_bytes)
        trusted = networks(settings.trusted_proxies)
        changes = Changes(directory, settings.projects_at)
        audit = Audit(changes, settings.projects_at, settings.audit_retention_days)
        fresh_projects = FreshProjects(directory)
        access = Access(directory, basic, settings.region, trusted, audit, fresh_projects)
        peers = Peers(trusted)
        connections = Connections(peers.of)
        closing.callback(start_task(audit.write_for_ever(), "audit").cancel)
        for part in (changes, basic, forms, readers):
            closing.callback(part.close)
        closing.callback(audit.write_refused)
        appender = _appender(handed)
        closing.push_async_callback(appender.close)
        progress = handed.journal.progress()
        if index == 0:
            _share_limits(handed)
        health = Health(appender, progress, readers.health)
        parts = Parts(
            settings=settings,
            directory=directory,
            access=access,
            rates=RateLimits(settings.rates_dir, index, settings),
            operator=Operator(handed.operator_key),
            journal=appender,
            readers=readers,
            in_flight=InFlight(settings.in_flight_bytes_max, settings.body_bytes_max, peers),
            locator=locator,
            health=health,
            verifier=forms,
            changes=changes,
            progress=progress,
            stopping=(stopping := asyncio.Event()),
            room=handed.room,
            connections=connections,
            audit=audit,
            fresh_projects=fresh_projects,
            session_key=handed.session_key,
            mail=handed.mail,
            site_script=handed.site_script,
            provider_secret=handed.provider_secret,
        )
        _refresh(closing, locator.refresh, CITY_DATABASE_LOOK_S)
        if certificate is not None:
            _refresh(closing, certificate.refresh, CERTIFICATE_LOOK_S)
        app = Edge(routes_of(parts, handed.make_pages), settings.path_prefix)
        await server.serve(
            app,
            handed.sock,
            settings.shutdown_grace_s,
            handed.counts,
            index,
            direct=app.direct,
            certificate=certificate,
            on_stop=partial(_stop, stopping, readers),
            ops=handed.ops,
            ops_app=Edge(Routes(health_routes(health, with_details=True), {}), ""),
            connections=connections,
        )


def _appender(handed: Handed) -> Appender:
    """For all partitions of the journal. One alone needs no look at whose an entry is."""
    appenders = [
        each.appender(metrics.journal_synced, handed.room.refusal, handed.room.has_room)
        for each in handed.journal.partitions
    ]
    return appenders[0] if len(appenders) == 1 else Spread(appenders)


def _stop(stopping: asyncio.Event, readers: Readers) -> None:
    """The server stops: replies without an end of their own end, and nothing waits for a store that hangs."""
    stopping.set()
    start_task(readers.give_up_unless_it_answers(), "store at the end")


def _share_limits(handed: Handed) -> None:
    """Count what other machines let through, and report what this one does: one process of each machine."""
    machines = handed.journal.machines() if handed.settings.rate_limits else None
    if machines is not None:
        start_thread(UseOfMachines(handed.settings.rates_dir, WINDOWS, machines).run, "limits of machines")


def _refresh(closing: AsyncExitStack, refresh: Callable[[], object], interval_s: float) -> None:
    closing.callback(start_task(_again_and_again(refresh, interval_s), "refresh").cancel)


async def _again_and_again(refresh: Callable[[], object], interval_s: float) -> None:
    """Reload the city database or the certificate when their files have changed."""
    while True:
        await asyncio.sleep(interval_s)
        try:
            await asyncio.to_thread(refresh)
        except Exception:  # the loaded version stays in force, and the next look may be better
            _log.exception("taking changes over fails")


def _projects(settings: Settings) -> ProjectDirectory:
    """The projects, read once and kept up to date. Blocks while the database is away: a process without projects would
    reject every record, while connections can wait or find another edge process."""
    directory = ProjectDirectory(settings.projects_at, _tell_projects)
    wait_s = PROJECTS_AWAY_S_MIN
    while not directory.refresh():
        pause(wait_s)
        wait_s = min(2 * wait_s, PROJECTS_AWAY_S_MAX)
    # Nobody waits for this thread at the end: a database that does not answer must not hold up a shutdown.
    start_thread(partial(_refresh_for_ever, directory), "projects")
    return directory


def _refresh_for_ever(directory: ProjectDirectory) -> None:
    while True:
        pause(PROJECTS_REFRESH_S)
        try:
            directory.refresh()
        except Exception:  # the known projects stay in force, and the next look may be better
            _log.exception("refreshing the projects fails")


def _tell_projects(failure: str | None) -> None:
    if failure:
        _log.error("projects cannot be read, keeping to those known", error=failure)
    else:
        _log.info("projects can be read again")
