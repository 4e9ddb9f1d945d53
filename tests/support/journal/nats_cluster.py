"""Three real servers of NATS on this machine, which tests kill, freeze and start again.

Each syncs every write, as a server of the journal must. All are ended by their process ids. Their connections to each
other may go through proxies that tests cut, and those of clients through TLS.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.support.journal.cutting_proxy import CuttingProxy
from tests.support.waiting import wait_until
from trackway.domain.errors import StorageError
from trackway.journal.stream.address import parse_address
from trackway.journal.stream.setup import streams_status
from trackway.journal.stream.streams import MissingStream

SERVERS: Final = 3
USER: Final = "trackway"
PASSWORD: Final = "not-a-secret"
UP_S_MAX: Final = 60.0
STOP_S_MAX: Final = 30.0
_CONFIG: Final = """
server_name: "n{index}"
listen: "127.0.0.1:{port}"
http: "127.0.0.1:{monitor}"
jetstream {{ store_dir: "{directory}", sync_interval: always, max_file_store: {store_bytes} }}
cluster {{ name: "test", listen: "127.0.0.1:{route}", no_advertise: true, {advertised} routes: [{routes}] }}
authorization {{ user: "{user}", password: "{password}" }}
{tls}
"""


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class NatsCluster:
    """Servers 0, 1 and 2. `url` is for `journal_url`."""

    def __init__(
        self, directory: Path, store_bytes: int = 4 << 30, *, by_proxies: bool = False, certificate: Path | None = None
    ):
        """`by_proxies`: `cut` and `join` work. `certificate`: with its key, in PEM; clients use TLS then."""
        self._directory = directory
        self._scheme = "tls" if certificate else "nats"
        tls = f'tls {{ cert_file: "{certificate}", key_file: "{certificate}" }}' if certificate else ""
        ports = _free_ports(3 * SERVERS)
        self.ports, self._routes, self._monitors = ports[:SERVERS], ports[SERVERS : 2 * SERVERS], ports[2 * SERVERS :]
        self._processes: list[subprocess.Popen[bytes] | None] = [None] * SERVERS
        self._proxies = _proxies(self._routes) if by_proxies else {}
        # With proxies nobody may learn of an address where there is none.
        advertised = f'advertise: "127.0.0.1:{_free_ports(1)[0]}",' if by_proxies else ""
        for index in range(SERVERS):
            place = directory / f"n{index}"
            place.mkdir(parents=True)
            (place / "nats.conf").write_text(
                _CONFIG.format(
                    index=index,
                    port=self.ports[index],
                    monitor=self._monitors[index],
                    directory=place / "data",
                    store_bytes=store_bytes,
                    route=self._routes[index],
                    routes=", ".join(f'"nats://127.0.0.1:{port}"' for port in self._routes_from(index)),
                    advertised=advertised,
                    tls=tls,
                    user=USER,
                    password=PASSWORD,
                )
            )

    def url_of(self, servers: Sequence[int]) -> str:
        return f"{self._scheme}://{USER}:{PASSWORD}@" + ",".join(f"127.0.0.1:{self.ports[index]}" for index in servers)

    @property
    def url(self) -> str:
        return self.url_of(range(SERVERS))

    @property
    def pids(self) -> list[int]:
        """Of the servers that run."""
        return [process.pid for process in self._processes if process is not None]

    def start(self, *servers: int) -> None:
        """Start these servers, or all."""
        for index in servers or range(SERVERS):
            place = self._directory / f"n{index}"
            with (place / "log").open("ab") as log:
                command = [str(Path(sys.executable).with_name("nats-server")), "-c", str(place / "nats.conf")]
                self._processes[index] = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self, *servers: int) -> None:
        """kill -9 these servers, or all."""
        found = servers or tuple(range(SERVERS))
        self._signal(signal.SIGKILL, found)
        for index in found:
            if (process := self._processes[index]) is not None:
                process.wait(10)
                self._processes[index] = None

    def stop(self, server: int) -> None:
        """SIGTERM, as before an upgrade; returns when it has ended."""
        self._signal(signal.SIGTERM, [server])
        if (process := self._processes[server]) is not None:
            process.wait(STOP_S_MAX)
            self._processes[server] = None

    def freeze(self, *servers: int) -> None:
        self._signal(signal.SIGSTOP, servers)

    def thaw(self, *servers: int) -> None:
        self._signal(signal.SIGCONT, servers)

    @contextmanager
    def frozen(self, *servers: int) -> Iterator[None]:
        self.freeze(*servers)
        try:
            yield
        finally:
            self.thaw(*servers)

    def cut(self, server: int) -> None:
        """Cut a server off from the others. Clients still reach it."""
        for link, proxy in self._proxies.items():
            if server in link:
                proxy.cut()

    def join(self) -> None:
        """No server is cut off any more."""
        for proxy in self._proxies.values():
            proxy.join()

    def leader(self, stream: str = "TRACKWAY_0") -> int:
        """The server that leads a stream, as soon as the servers agree on it and all its replicas are current."""
        found: list[int] = []

        def look() -> bool:
            if (leader := self._leader(stream)) is not None:
                found.append(leader)
            return bool(found)

        wait_until(look, UP_S_MAX, lambda: f"{stream} has no leader")
        return found[0]

    def wait_ready(self) -> None:
        """Return when the servers answer about streams: then streams can be made."""
        wait_until(self._answers, UP_S_MAX, lambda: "the servers have no leader")

    def _answers(self) -> bool:
        try:
            streams_status(parse_address(self.url))
        except MissingStream:
            return True
        except StorageError:
            return False
        return True

    def monitor(self, index: int, question: str) -> dict[str, Any]:
        """What a server reports of itself; nothing while it is away."""
        if self._processes[index] is None:
            return {}
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._monitors[index]}/{question}", timeout=2) as reply:
                found: dict[str, Any] = json.load(reply)
                return found
        except OSError:
            return {}

    def close(self) -> None:
        self.kill()
        for proxy in self._proxies.values():
            proxy.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _routes_from(self, index: int) -> list[int]:
        """The ports under which a server reaches the others."""
        return [
            self._proxies[index, other].port if self._proxies else port
            for other, port in enumerate(self._routes)
            if other != index
        ]

    def _leader(self, stream: str) -> int | None:
        for index in range(SERVERS):
            for account in self.monitor(index, "jsz?streams=true&accounts=true").get("account_details") or []:
                for found in account.get("stream_detail") or []:
                    cluster = found.get("cluster") or {}
                    current = all(
                        each.get("current") and not each.get("offline") for each in cluster.get("replicas") or []
                    )
                    if found["name"] == stream and cluster.get("leader") == f"n{index}" and current:
                        return index
        return None

    def _signal(self, number: signal.Signals, servers: Sequence[int]) -> None:
        for index in servers:
            process = self._processes[index]
            if process is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, number)


def _proxies(routes: Sequence[int]) -> dict[tuple[int, int], CuttingProxy]:
    """A proxy for each server and each other that it connects to."""
    pairs = [(one, other) for one in range(SERVERS) for other in range(SERVERS) if one != other]
    return {(one, other): CuttingProxy(routes[other]) for one, other in pairs}


@contextmanager
def nats_cluster(
    directory: Path, store_bytes: int = 4 << 30, *, by_proxies: bool = False, certificate: Path | None = None
) -> Iterator[NatsCluster]:
    """A running cluster without streams."""
    cluster = NatsCluster(directory, store_bytes, by_proxies=by_proxies, certificate=certificate)
    try:
        cluster.start()
        cluster.wait_ready()
        yield cluster
    finally:
        cluster.close()
