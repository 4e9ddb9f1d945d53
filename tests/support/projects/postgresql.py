"""A real PostgreSQL of Debian's, with a cluster, port and password of its own, that tests may stop and start.

Out comes a `Cluster`, and from it URLs of new databases. It runs as the user postgres when the tests run as root, which
PostgreSQL refuses. It never syncs: what is tested is not its durability.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

PASSWORD = "p@ss/w%rd"
IN_URL = "p%40ss%2Fw%25rd"
START_TIMEOUT_S = 30.0


@dataclass(eq=False)
class Cluster:
    """One server on 127.0.0.1 and a Unix socket in `directory`."""

    directory: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    def url(self, database: str = "postgres", password: str = IN_URL) -> str:
        return f"postgresql://trackway:{password}@127.0.0.1:{self.port}/{database}"

    def new_database(self, like: str = "template1") -> str:
        """The URL of a new database: an empty one, or a copy of the database of that name."""
        name = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{like}"'.encode())
        return self.url(name)

    def start(self) -> None:
        """At return it takes connections."""
        log = (self.directory / "log").open("ab")
        options = ["-c", "fsync=off", "-c", "max_connections=50", "-k", str(self.directory), "-h", "127.0.0.1"]
        command = [_program("postgres"), "-D", str(self.directory / "data"), "-p", str(self.port), *options]
        self.process = subprocess.Popen(command, stdout=log, stderr=log, **_as_postgres())
        log.close()
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
                return
            except psycopg.OperationalError as error:
                said = (self.directory / "log").read_text()[-2000:]
                assert self.process.poll() is None, f"postgres ended: {said}"
                assert time.monotonic() < deadline, f"postgres does not answer: {error}; {said}"
                time.sleep(0.02)

    def stop(self) -> None:
        """Ends every connection and the server; at return it is gone."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(START_TIMEOUT_S)
            self.process = None


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A new cluster, started; its files go with it."""
    with tempfile.TemporaryDirectory(prefix="trackway-pg-") as temporary:
        directory = Path(temporary)
        (directory / "password").write_text(PASSWORD)
        if os.geteuid() == 0:
            for path in (directory, directory / "password"):
                shutil.chown(path, "postgres", "postgres")
        arguments = ["-U", "trackway", "-A", "scram-sha-256", "--pwfile", str(directory / "password"), "-E", "UTF8"]
        command = [_program("initdb"), "-D", str(directory / "data"), "--no-sync", "--locale", "C", *arguments]
        subprocess.run(command, check=True, capture_output=True, **_as_postgres())
        cluster = Cluster(directory, _free_port())
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()


def _as_postgres() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    return {"user": "postgres", "group": "postgres", "extra_groups": [], "cwd": "/"}


def _program(name: str) -> str:
    """Debian keeps the server's programs out of the path, by version."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    return str(found[-1]) if found else name


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
