"""`trackway serve`: prepare the data directory, then start and supervise the process tree.

Everything that must happen once and alone happens here before the first fork: the lock on the data directory, the
journal's recovery, the projects' migration, the sockets.
"""

import dataclasses
import secrets
import socket
import time
from contextlib import closing
from functools import partial

from trackway import __version__
from trackway.backup.leftovers import forget_killed
from trackway.domain.limits import STOP_S_MAX
from trackway.edge import worker
from trackway.edge.api.site_script import read_site_script
from trackway.embedded import process as store_server
from trackway.geo.locator import Locator
from trackway.http.accept import ConnectionCounts
from trackway.http.connections import raise_file_limit
from trackway.http.server import Listening
from trackway.http.tls import certificate_of
from trackway.journal.log import Damage, Journal
from trackway.journal.open import open_journal
from trackway.mail.server import MailServer, mail_server
from trackway.projects.migrate import migrate_if_needed, migrate_when_there
from trackway.runtime.directory_lock import locked
from trackway.runtime.disk_room import DiskRoom, kept_by_engine
from trackway.runtime.heartbeat import AwakeClock, Heartbeat
from trackway.runtime.operator_key import OPERATOR_HEADER, make_operator_key
from trackway.runtime.unfinished_restore import refuse_unfinished
from trackway.settings.table import Settings
from trackway.supervisor.child import Child
from trackway.supervisor.data_format import claim
from trackway.supervisor.default_retention import with_confirmed_retention
from trackway.supervisor.password_file import password_in
from trackway.supervisor.permissions import close_to_others
from trackway.supervisor.process_tree import Group, Tree, write_status
from trackway.supervisor.server_keys import erasure_key, server_keys, shares_erasure_key
from trackway.supervisor.service_manager import ServiceManager
from trackway.supervisor.sockets import listen
from trackway.supervisor.start_warnings import tell_priorities, tell_room
from trackway.supervisor.store_version import refuse_unusable
from trackway.supervisor.welcome import welcome
from trackway.telemetry import logs, metrics
from trackway.web.mount import Pages

_log = logs.get("supervisor")


def serve(settings: Settings) -> int:
    """Run the server until SIGTERM or SIGINT; returns the exit code. Raises ConfigError and StorageError before it
    starts."""
    logs.configure(settings.log_format, settings.log_level, "supervisor")
    raise_file_limit()
    manager = ServiceManager()
    with locked(settings.run_dir / "lock"):
        refuse_unfinished(settings.data_dir)
        close_to_others(settings.data_dir)
        claim(settings.data_dir)
        locator, certificate, mail = Locator(settings), certificate_of(settings), mail_server(settings)
        script = read_site_script(settings.browser_sdk_path)
        secret_file = settings.oidc_client_secret_file
        provider_secret = password_in(secret_file, "oidc_client_secret_file") if secret_file else ""
        # Before the socket: while this waits for a database that is away, clients are refused instead of waiting.
        migrate_when_there(settings.projects_at, _tell_projects_away)
        settings = with_confirmed_retention(settings)
        keys = server_keys(settings)
        if settings.store_url:
            refuse_unusable(settings.store_at)
        sock = listen(settings.host, settings.port)
        ops = _ops_listening(settings)
        url = _url(settings, sock)
        metrics.start(settings.metrics_dir)
        operator_key = make_operator_key(settings.run_dir)
        journal = open_journal(settings)
        lost = _recover(journal)
        welcome(settings, url)
        room = DiskRoom(settings.data_dir, settings.disk_free_bytes_min)
        tell_room(room)
        forget_killed(settings.data_dir)
        if not settings.store_url:
            tell_priorities()
        clock = AwakeClock()
        store_url, stores = _store(settings, room, clock)
        handed = worker.Handed(
            sock,
            ConnectionCounts(settings.worker_count),
            settings,
            journal,
            store_url,
            room,
            locator,
            certificate,
            Pages,
            operator_key,
            ops,
            keys.session,
            script,
            provider_secret,
            mail,
        )
        tree = _tree(handed, stores, url, lost, keys.erasure, clock, manager)
        tree.run()
        journal.seal()  # from now on anything missing at the journal's end is known to be damage
        (settings.run_dir / "server.json").unlink(missing_ok=True)
    return 0


def drain(settings: Settings) -> bool:
    """Load all that is in the journal, with loader and store alone, so that nothing new comes in; whether all of it is
    in the store. False after SIGTERM or SIGINT. Raises ConfigError, StateError and StorageError.

    A stream is emptied, too, as far as what was loaded is known to be whole.
    """
    logs.configure(settings.log_format, settings.log_level, "supervisor")
    settings = dataclasses.replace(settings, journal_retention_s=0) if settings.journal_url else settings
    with locked(settings.run_dir / "lock"):
        refuse_unfinished(settings.data_dir)
        close_to_others(settings.data_dir)
        claim(settings.data_dir)
        if settings.store_url:
            refuse_unusable(settings.store_at)
        if shares_erasure_key(settings):
            migrate_if_needed(settings.projects_at)
        key = erasure_key(settings)
        metrics.start(settings.metrics_dir)
        journal = open_journal(settings)
        lost = _recover(journal)
        room = DiskRoom(settings.data_dir, settings.disk_free_bytes_min)
        clock = AwakeClock()
        store_url, stores = _store(settings, room, clock)
        loader = Child("loader", partial(_load, settings, journal, store_url, room, lost, key), settings, clock)
        groups = [Group([loader], STOP_S_MAX), Group(stores, STOP_S_MAX)]
        with closing(journal.progress()) as progress:
            tree = Tree(groups, lambda _: None, settings.hang_s_max, clock)
            drained = tree.run(lambda: not progress.failing and journal.is_drained(progress))
        journal.seal()
        if drained:
            journal.close_drained()
    return drained


def _ops_listening(settings: Settings) -> Listening | None:
    if not settings.ops_port:
        return None
    return Listening(listen(settings.ops_host, settings.ops_port), ConnectionCounts(settings.worker_count))


def _url(settings: Settings, sock: socket.socket) -> str:
    return _url_of(settings.host, sock, "https" if settings.tls_cert else "http") + settings.path_prefix


def _url_of(host: str, sock: socket.socket, scheme: str) -> str:
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{sock.getsockname()[1]}"


def _tell_projects_away(failure: str, wait_s: float) -> None:
    _log.error("waiting for the projects database before serving", error=failure, again_in_s=wait_s)


def _recover(journal: Journal) -> list[Damage]:
    """Recover the journal; returns its damage."""
    found = journal.recover()
    for damage in found.damage:
        _log.critical("journal is damaged: acknowledged records are lost", **damage._asdict())
    if found.cut_bytes:
        _log.warning("cut unacknowledged bytes from the end of the journal", bytes=found.cut_bytes)
    _log.info("journal is ready", bytes=found.size_bytes)
    return found.damage


def _tree(
    handed: worker.Handed,
    stores: list[Child],
    url: str,
    lost: list[Damage],
    erasure_key: bytes,
    clock: AwakeClock,
    manager: ServiceManager,
) -> Tree:
    """The children in the order of their stop: edges and alerts, loader, store."""
    settings, journal, store_url, room, ops = handed.settings, handed.journal, handed.store_url, handed.room, handed.ops
    edges = [
        Child(f"edge-{index}", partial(worker.run, handed, index), settings, clock)
        for index in range(settings.worker_count)
    ]
    load = partial(_load, settings, journal, store_url, room, lost, erasure_key)
    loader = Child("loader", load, settings, clock)
    alerts = Child("alerts", partial(_watch_alerts, settings, journal, store_url, handed.mail), settings, clock)
    backups = [Child("backup", partial(_back_up, settings), settings, clock)] if settings.backup_every else []
    export = partial(_export, settings, url, handed.operator_key)
    exports = [Child("export", export, settings, clock)] if settings.export_every else []
    told: dict[str, str | int] = {
        "url": url,
        "ops_url": _url_of(settings.ops_host, ops.sock, "http") if ops else url,
        "port": handed.sock.getsockname()[1],
        "region": settings.region,
        "version": __version__,
        "started_s": int(time.time()),
    }
    status = partial(write_status, settings.run_dir / "server.json", told)
    groups = [
        Group([*edges, alerts, *backups, *exports], settings.shutdown_grace_s + STOP_S_MAX),
        Group([loader], STOP_S_MAX),
        Group(stores, STOP_S_MAX),
    ]
    return Tree(groups, status, settings.hang_s_max, clock, manager)


def _store(settings: Settings, room: DiskRoom, clock: AwakeClock) -> tuple[str, list[Child]]:
    """The URL of the store, and its process unless it is a server elsewhere."""
    if settings.store_url:
        return settings.store_at, []
    sock = listen("127.0.0.1", 0)
    password = secrets.token_urlsafe(32)
    keep_free_bytes = kept_by_engine(room.tightest().mark)
    run = partial(store_server.run, sock, settings.data_dir / "store", password, keep_free_bytes)
    return store_server.address(sock, password), [Child("store", run, settings, clock)]


def _watch_alerts(
    settings: Settings, journal: Journal, store_url: str, mail: MailServer | None, heartbeat: Heartbeat
) -> None:
    """The process of alerts. Its modules are imported here, since no other process needs them."""
    from trackway.alerts.process import run  # noqa: PLC0415

    run(settings, journal, store_url, mail, heartbeat)


def _back_up(settings: Settings, heartbeat: Heartbeat) -> None:
    """The process of the schedule of backups. Its modules are imported here, as above."""
    from trackway.backup.schedule import run  # noqa: PLC0415

    run(settings, heartbeat)


def _export(settings: Settings, url: str, operator_key: str, heartbeat: Heartbeat) -> None:
    """The process of the schedule of exports. Its modules are imported here, as above."""
    from trackway.transfer.export_schedule import ServerItself, run  # noqa: PLC0415

    run(settings, ServerItself(url, {OPERATOR_HEADER: operator_key}), heartbeat)


def _load(
    settings: Settings,
    journal: Journal,
    store_url: str,
    room: DiskRoom,
    lost: list[Damage],
    key: bytes,
    heartbeat: Heartbeat,
) -> None:
    """The loader's process. Its modules are imported here, as above."""
    from trackway.supervisor.load_process import LoadProcess  # noqa: PLC0415

    LoadProcess(settings, journal, store_url, room, lost, key).run(heartbeat)
