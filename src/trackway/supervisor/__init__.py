"""`trackway serve`: prepare the data directory, start the process tree, stay with it.

Everything that must happen once and alone happens here before the first fork: the lock on the data directory, the
journal's recovery, the projects' migration, the sockets.
"""

import fcntl
import gc
import os
import secrets
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from trackway import logs, metrics
from trackway.edge import worker
from trackway.errors import ConfigError, StorageError
from trackway.geo.locator import Locator
from trackway.http_accept import ConnectionCounts
from trackway.journal.recovery import recover
from trackway.journal.writer import Writer
from trackway.limits import GC_ALLOCATIONS, LISTEN_BACKLOG
from trackway.projects.migrate import migrate_when_there
from trackway.settings import Settings
from trackway.store import server as store_server
from trackway.supervisor.child import Child
from trackway.supervisor.tree import Tree, write_status
from trackway.supervisor.welcome import welcome
from trackway.tls import ServerCertificate, certificate_of
from trackway.web.mount import Pages

_log = logs.get("supervisor")


def serve(settings: Settings) -> int:
    """Run the server until it is told to stop; the exit code. Raises ConfigError and StorageError before it starts."""
    logs.configure(settings.log_format, settings.log_level, "supervisor")
    with _lock(settings.run_dir / "lock"):
        locator, certificate = Locator(settings), certificate_of(settings)
        # Before the socket: while this waits for a database that is away, clients are refused and not kept waiting.
        migrate_when_there(settings.projects_at, _tell_projects_away)
        sock = _listen(settings.host, settings.port)
        url = _url(settings, sock)
        metrics.start(settings.metrics_dir)
        _recover(settings.data_dir / "journal")
        welcome(settings, url)
        tree = _tree(settings, sock, url, locator, certificate)
        tree.run()
        _seal(settings.data_dir / "journal")
        (settings.run_dir / "server.json").unlink(missing_ok=True)
    return 0


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Refuse to run beside another server. The lock lives until the last child that inherited it is gone."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f"{path} cannot be used: {error.strerror or error}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
    except BlockingIOError as error:
        holder = os.pread(file, 32, 0).decode(errors="replace").strip()
        os.close(file)
        message = f"another trackway server (pid {holder or 'unknown'}) uses {path.parent.parent}"
        raise ConfigError(f"{message}: stop it first, or give another --data-dir") from error
    except OSError as error:
        os.close(file)
        raise StorageError(f"{path} cannot be written: {error.strerror or error}") from error
    try:
        yield
    finally:
        os.close(file)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(LISTEN_BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        raise ConfigError(f"cannot listen on {host} port {port}: {error.strerror or error}") from error
    return sock


def _url(settings: Settings, sock: socket.socket) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    scheme = "https" if settings.tls_cert else "http"
    return f"{scheme}://{host}:{sock.getsockname()[1]}{settings.path_prefix}"


def _tell_projects_away(failure: str, wait_s: float) -> None:
    _log.error("waiting for the projects database before serving", error=failure, again_in_s=wait_s)


def _recover(journal: Path) -> None:
    report = recover(journal)
    for damage in report.damage:
        _log.critical("journal is damaged: acknowledged records are lost", **damage._asdict())
    if report.torn_bytes_cut:
        _log.warning("cut what nobody was told about from the end of the journal", bytes=report.torn_bytes_cut)
    _log.info("journal is ready", segments=report.segments, bytes=report.bytes)


def _seal(journal: Path) -> None:
    """A clean end: from now on anything missing in the last segment is known to be damage."""
    writer = Writer(journal)
    writer.seal()
    writer.close()


def _tree(
    settings: Settings, sock: socket.socket, url: str, locator: Locator, certificate: ServerCertificate | None
) -> Tree:
    """The children in the order in which they are stopped: edges, loader, store."""
    journal = settings.data_dir / "journal"
    store_url = settings.store_url
    stores: list[Child] = []
    if not store_url:
        store_sock = _listen("127.0.0.1", 0)
        password = secrets.token_urlsafe(32)
        store_url = store_server.address(store_sock, password)
        directory = settings.data_dir / "store"
        stores = [Child("store", lambda: store_server.run(store_sock, directory, password), settings)]
    counts = ConnectionCounts(settings.worker_count)
    handed = worker.Handed(sock, counts, settings, journal, store_url, locator, certificate, Pages)
    edges = [
        Child(f"edge-{index}", partial(worker.run, handed, index), settings) for index in range(settings.worker_count)
    ]
    loader = Child("loader", lambda: _load(settings, journal, store_url), settings)
    status = partial(write_status, settings.run_dir / "server.json", url, sock.getsockname()[1])
    return Tree([edges, [loader], stores], status, settings.shutdown_grace_s)


def _load(settings: Settings, journal: Path, store_url: str) -> None:
    """The loader process. Its modules are imported here, since no other process needs them."""
    from trackway.loader.loader import Loader  # noqa: PLC0415
    from trackway.store.client import Store  # noqa: PLC0415

    # A batch of profile updates makes a million objects that all go at once, as in an edge process.
    gc.freeze()
    gc.set_threshold(GC_ALLOCATIONS, 50, 50)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    Loader(settings, journal, Store(store_url), stop).run()
