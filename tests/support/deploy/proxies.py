"""The real nginx, Caddy and HAProxy of the distribution, with the examples of deploy/proxy, in front of a server.

Only what belongs to a machine is replaced in an example: ports, the server's address and the certificate. `running`
starts one of them and ends it with the context.
"""

import contextlib
import os
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.certificates import Authority, authority
from tests.support.deploy.metric_names import DEPLOY
from tests.support.free_port import free_port
from tests.support.waiting import wait_until

START_TIMEOUT_S: Final = 30.0
STOP_TIMEOUT_S: Final = 15.0
FOLDER: Final = DEPLOY / "proxy"


@dataclass(frozen=True)
class Front:
    """A running proxy: its ports for HTTPS and for HTTP, its certificate, and the authority that clients trust."""

    name: str
    port: int
    plain_port: int
    chain: Path
    trusted: Authority
    log: Path

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"


@dataclass(frozen=True)
class _Place:
    """What an example is fitted to."""

    directory: Path
    server_port: int
    port: int
    plain_port: int
    chain: Path
    key: Path


def _replaced(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in text, f"the example has no {old!r} any more"
        text = text.replace(old, new)
    return text


def _nginx(place: _Place) -> list[str]:
    example = _replaced(
        (FOLDER / "nginx.conf").read_text(),
        ("server 127.0.0.1:8080", f"server 127.0.0.1:{place.server_port}"),
        ("listen 443 ssl", f"listen 127.0.0.1:{place.port} ssl"),
        ("listen 80;", f"listen 127.0.0.1:{place.plain_port};"),
        ("/etc/ssl/trackway/fullchain.pem", str(place.chain)),
        ("/etc/ssl/trackway/privkey.pem", str(place.key)),
    )
    return nginx(place.directory, example)


def nginx(directory: Path, servers: str) -> list[str]:
    """The command of an nginx in a directory of its own, with these servers."""
    (directory / "trackway.conf").write_text(servers)
    temporary = "".join(f"{kind}_temp_path {directory}/{kind};\n" for kind in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))  # fmt: skip
    user = "user root;\n" if os.geteuid() == 0 else ""
    (directory / "nginx.conf").write_text(
        f"{user}daemon off;\npid {directory}/pid;\nerror_log stderr;\nevents {{ worker_connections 512; }}\n"
        f"http {{\naccess_log off;\n{temporary}include {directory}/trackway.conf;\n}}\n"
    )
    return ["/usr/sbin/nginx", "-c", str(directory / "nginx.conf"), "-p", str(directory), "-e", "stderr"]


def _caddy(place: _Place) -> list[str]:
    example = _replaced(
        (FOLDER / "Caddyfile").read_text(),
        ("\treverse_proxy ", f"\ttls {place.chain} {place.key}\n\treverse_proxy "),
    )
    machine = f"{{\n\tadmin off\n\thttp_port {place.plain_port}\n\thttps_port {place.port}\n\tskip_install_trust\n}}\n"
    (place.directory / "Caddyfile").write_text(machine + example)
    return ["/usr/bin/caddy", "run", "--adapter", "caddyfile", "--config", str(place.directory / "Caddyfile")]


def _haproxy(place: _Place) -> list[str]:
    both = place.directory / "site.pem"
    both.write_text(place.chain.read_text() + place.key.read_text())
    example = _replaced(
        (FOLDER / "haproxy.cfg").read_text(),
        ("127.0.0.1:8080", f"127.0.0.1:{place.server_port}"),
        ("bind :443 ssl", f"bind 127.0.0.1:{place.port} ssl"),
        ("bind :80", f"bind 127.0.0.1:{place.plain_port}"),
        ("/etc/ssl/trackway/site.pem", str(both)),
    )
    (place.directory / "haproxy.cfg").write_text(example)
    return ["/usr/sbin/haproxy", "-db", "-f", str(place.directory / "haproxy.cfg")]


PROXIES: Final[dict[str, Callable[[_Place], list[str]]]] = {"nginx": _nginx, "caddy": _caddy, "haproxy": _haproxy}


@contextlib.contextmanager
def running(name: str, server_port: int) -> Iterator[Front]:
    """The proxy of that name in front of the server at a port of 127.0.0.1."""
    with tempfile.TemporaryDirectory(prefix="trackway-proxy-") as made:
        directory = Path(made)
        trusted = authority(directory)
        chain, key = directory / "chain.pem", directory / "key.pem"
        trusted.sign(chain, key)
        place = _Place(directory, server_port, free_port(), free_port(), chain, key)
        front = Front(name, place.port, place.plain_port, chain, trusted, directory / "log")
        environment = {
            "HOME": made, "XDG_DATA_HOME": made, "XDG_CONFIG_HOME": made, "PATH": os.environ["PATH"],
            "TRACKWAY_SITE": front.url, "TRACKWAY_UPSTREAMS": f"127.0.0.1:{server_port}",
        }  # fmt: skip
        with front.log.open("wb") as log:
            process = subprocess.Popen(PROXIES[name](place), stdout=log, stderr=log, env=environment, cwd=directory)
            with until_listening(process, front.port, front.log):
                yield front


@contextlib.contextmanager
def until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> Iterator[None]:
    """Wait for a proxy that was started; it must run until the context ends, which ends it."""
    try:
        wait_until(lambda: _listens(process, port, log), START_TIMEOUT_S, log.read_text)
        yield
        assert process.poll() is None, log.read_text()
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_S)
        process.kill()
        process.wait()


def _listens(process: subprocess.Popen[bytes], port: int, log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def curl(front: Front, path: str, *arguments: str, body: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """A request by HTTP/2, which fails where TLS, the certificate or HTTP/2 do. `{}` in an argument is the address."""
    return subprocess.run(curl_command(front, path, *arguments), input=body, capture_output=True, timeout=60)


def curl_command(front: Front, path: str, *arguments: str) -> list[str]:
    shown = ["--silent", "--show-error", "--http2", "--cacert", str(front.trusted.certificate), "--noproxy", "*"]
    return ["curl", *shown, *arguments, front.url + path]
