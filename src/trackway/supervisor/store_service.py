"""`trackway store serve`: the embedded store at an address, for servers elsewhere that name it as `store_url`.

The data directory has the lock and the folder `store` of a server's. So no two processes open one store, and the store
of a server can be served from its directory once that server has stopped. One child runs the store. It is started again
when it dies, and killed when it hangs, as under a server.
"""

import signal
import socket
from functools import partial
from pathlib import Path

from rich.console import Console

from trackway.domain.limits import STOP_S_MAX
from trackway.embedded import process as store_server
from trackway.http.connections import raise_file_limit
from trackway.runtime.directory_lock import locked
from trackway.runtime.disk_room import DiskRoom, kept_by_engine
from trackway.runtime.heartbeat import AwakeClock
from trackway.runtime.unfinished_restore import refuse_unfinished
from trackway.settings.table import Settings, masked
from trackway.supervisor.child import Child
from trackway.supervisor.password_file import password_in
from trackway.supervisor.permissions import close_to_others
from trackway.supervisor.process_tree import Group, Tree
from trackway.supervisor.service_manager import ServiceManager
from trackway.supervisor.sockets import listen
from trackway.supervisor.start_warnings import tell_priorities, tell_room
from trackway.telemetry import logs, metrics

_log = logs.get("supervisor")


def serve_store(settings: Settings, host: str, port: int, password_file: Path) -> int:
    """Serve the store until SIGTERM or SIGINT; returns the exit code.

    `port` 0 takes a free one. Raises ConfigError, StateError and StorageError before it starts.
    """
    logs.configure(settings.log_format, settings.log_level, "supervisor")
    password = password_in(password_file, "password file")
    raise_file_limit()
    manager = ServiceManager()
    # A signal that comes before the tree runs waits for it, so that every stop after the first printed line is clean.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    with locked(settings.run_dir / "lock"):
        refuse_unfinished(settings.data_dir)
        close_to_others(settings.data_dir)
        sock = listen(host, port)
        metrics.start(settings.metrics_dir)
        room = DiskRoom(settings.data_dir, settings.disk_free_bytes_min)
        tell_room(room)
        tell_priorities()
        _tell_reach(sock)
        _say(sock, password_file)
        keep_free_bytes = kept_by_engine(room.tightest().mark)
        serve = partial(store_server.run, sock, settings.data_dir / "store", password, keep_free_bytes)
        clock = AwakeClock()
        children = [Child("store", serve, settings, clock)]
        Tree([Group(children, STOP_S_MAX)], lambda _: None, settings.hang_s_max, clock, manager).run()
    return 0


def _tell_reach(sock: socket.socket) -> None:
    """Warn where others than this machine reach the address: what is sent there is not encrypted."""
    address = sock.getsockname()[0]
    if not (address == "::1" or address.startswith("127.")):
        hint = "let only the servers reach it, through a network that nobody else reads"
        _log.warning(f"the store listens on {address} without encryption, its password is sent in clear: {hint}")


def _say(sock: socket.socket, password_file: Path) -> None:
    """Print the URL for the servers. The password stays in its file."""
    console = Console(highlight=False, soft_wrap=True)
    url = masked(store_server.address(sock, "password"))
    console.print(f"The store listens. Give servers --store-url or TRACKWAY_STORE_URL {url}", markup=False)
    console.print(f"with the password in {password_file} in place of ***", markup=False)
