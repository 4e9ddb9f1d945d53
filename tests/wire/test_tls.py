"""The server's own TLS: real clients, renewed certificates, old protocols, and what is said of files that misfit."""

import contextlib
import gzip
import json
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests
from mixpanel import Consumer, Mixpanel

from tests.support.certificates import Authority, authority
from tests.support.http.encodings import GZIP, JSON
from tests.support.http.events import record, track
from tests.support.http.exchange import Request
from tests.support.http.old_client import check_exports
from tests.support.sdk.https_front import Certificate
from tests.support.sdk.node import call_node_sdk
from tests.support.server import Server, running_server
from trackway.domain.errors import ConfigError
from trackway.http.tls import ServerCertificate, certificate_of
from trackway.settings.table import Settings

SEEN_WITHIN_S = 10


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def trusted(place: Path) -> Authority:
    return authority(place)


@pytest.fixture(scope="module")
def secure(place: Path, trusted: Authority) -> Iterator[Server]:
    trusted.sign(place / "server.pem", place / "server-key.pem")
    files = ["--tls-cert", str(place / "server.pem"), "--tls-key", str(place / "server-key.pem")]
    context = ssl.create_default_context(cafile=str(trusted.certificate))
    with running_server(place / "data", "--workers", "2", *files, tls=context) as running:
        yield running


def connected(server: Server, context: ssl.SSLContext) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    return context.wrap_socket(plain, server_hostname="127.0.0.1")


def shown(server: Server) -> bytes:
    """The certificate that a new connection gets."""
    assert server.tls is not None
    with connected(server, server.tls) as connection:
        certificate = connection.getpeercert(binary_form=True)
    assert certificate is not None
    return certificate


def test_events_of_all_sizes_go_in_and_come_out(secure: Server) -> None:
    project = secure.create_project()
    track(secure, record(project, insert_id="single"))
    track(secure, [record(project, insert_id=f"batch-{number}", filler="x" * 200) for number in range(500)])
    events = [record(project, insert_id=f"packed-{number}", filler="y" * 200) for number in range(2000)]
    body = gzip.compress(json.dumps(events).encode())
    assert secure.ask(Request("POST", "/track", (JSON, GZIP), body)).body == b"1"
    assert len(secure.export_when(project, 2501)) == 2501


def test_curl_requests_and_the_sdks_speak_with_it(secure: Server, trusted: Authority) -> None:
    project = secure.create_project()
    event = json.dumps(record(project, insert_id="curl"))
    command = ["curl", "-sS", "--cacert", str(trusted.certificate), "-d", event, "-H", "Content-Type: application/json"]
    done = subprocess.run([*command, f"{secure.url}/track"], capture_output=True, timeout=30, check=True)
    assert done.stdout == b"1"
    posted = requests.post(
        f"{secure.url}/track", json=record(project, insert_id="requests"), verify=str(trusted.certificate), timeout=30
    )
    assert posted.text == "1"
    consumer = Consumer(api_host=f"127.0.0.1:{secure.port}", verify_cert=str(trusted.certificate))
    Mixpanel(project.token, consumer).track("u", "python", {"$insert_id": "python"})
    node = {"host": f"127.0.0.1:{secure.port}"}
    calls = [["track", "node", {"distinct_id": "u", "$insert_id": "node"}]]
    assert call_node_sdk(project.token, node, calls, Certificate(trusted.certificate, trusted.key)) == [None]
    names = {line["properties"]["$insert_id"] for line in secure.export_when(project, 4)}
    assert names == {"curl", "requests", "python", "node"}


def test_many_requests_share_a_connection(secure: Server) -> None:
    assert secure.tls is not None
    body = json.dumps(record(secure.project, insert_id="kept-alive")).encode()
    with connected(secure, secure.tls) as connection:
        for _ in range(20):
            head = b"POST /track HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
            connection.sendall(head % len(body) + body)
            assert connection.recv(4096).endswith(b"\r\n\r\n1")


def test_modern_protocols_alone_are_spoken(secure: Server) -> None:
    versions = []
    for version in (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.set_alpn_protocols(["h2", "http/1.1"])
        # Deprecated, and asked for on purpose, of the library that would warn.
        with pytest.warns(DeprecationWarning) if version < ssl.TLSVersion.TLSv1_2 else contextlib.nullcontext():
            context.minimum_version = context.maximum_version = version
        with contextlib.suppress(OSError), connected(secure, context) as connection:
            versions.append((connection.version(), connection.selected_alpn_protocol()))
    assert versions == [("TLSv1.2", "http/1.1"), ("TLSv1.3", "http/1.1")]


def test_a_renewed_certificate_is_taken_over_without_a_restart(secure: Server, trusted: Authority, place: Path) -> None:
    before, edges = shown(secure), secure.processes()
    assert secure.tls is not None
    with connected(secure, secure.tls) as held:
        (place / "server.pem").write_text("-----BEGIN CERTIFICATE-----\nhalf written")
        time.sleep(1.5)  # more than one look
        assert shown(secure) == before
        trusted.sign(place / "server.pem", place / "server-key.pem")
        deadline = time.monotonic() + SEEN_WITHIN_S
        while before in (seen := {shown(secure) for _ in range(8)}):  # of both processes
            assert time.monotonic() < deadline
            time.sleep(0.1)
        held.sendall(b"GET /settings HTTP/1.1\r\nhost: x\r\n\r\n")
        assert held.recv(4096).startswith(b"HTTP/1.1 200")
    assert len(seen) == 1
    assert secure.processes() == edges
    log = (secure.data_dir / "serve.log").read_text()
    assert "certificate cannot be loaded, keeping the previous one" in log
    assert "certificate reloaded" in log


def test_those_who_do_not_speak_tls_are_cut_off_and_fill_no_log(secure: Server) -> None:
    log = secure.data_dir / "serve.log"
    size_before = log.stat().st_size
    for sent in (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\0" * 1000, b""):
        with socket.create_connection(("127.0.0.1", secure.port), timeout=10) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                assert not connection.recv(4096).startswith(b"HTTP")
    track(secure, record(secure.project, insert_id="after"))
    assert log.stat().st_size == size_before, log.read_text()[size_before:]


def test_a_client_that_goes_in_the_middle_leaves_no_connection_behind(secure: Server) -> None:
    assert secure.tls is not None
    with connected(secure, secure.tls) as connection:
        connection.sendall(b"POST /track HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n" + b"x" * 50_000)
    deadline = time.monotonic() + SEEN_WITHIN_S
    while any(_held(pid, secure.port) for role, pid in secure.processes().items() if role.startswith("edge")):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _held(pid: int, port: int) -> list[object]:
    found = psutil.Process(pid).net_connections("tcp")
    return [each for each in found if each.laddr.port == port and each.status != psutil.CONN_LISTEN]


@pytest.mark.parametrize(
    ("certificate", "key", "said"),
    [
        ("none.pem", "server-key.pem", "tls_cert {certificate} cannot be read: no such file or directory"),
        ("server.pem", "none.pem", "tls_key {key} cannot be read: no such file or directory"),
        ("server-key.pem", "server-key.pem", "tls_cert {certificate} holds no certificate in PEM"),
        ("server.pem", "server.pem", "tls_key {key} holds no private key in PEM"),
        ("server.pem", "other-key.pem", "tls_key {key} is not the key of tls_cert {certificate}"),
        ("server.pem", "locked.pem", "tls_key {key} is encrypted, and there is no password for it"),
        ("broken.pem", "server-key.pem", "tls_cert {certificate} with tls_key {key} cannot be used: "),
    ],
)
def test_files_that_do_not_fit_are_named(
    tmp_path: Path, trusted: Authority, certificate: str, key: str, said: str
) -> None:
    trusted.sign(tmp_path / "server.pem", tmp_path / "server-key.pem")
    trusted.sign(tmp_path / "other.pem", tmp_path / "other-key.pem")
    (tmp_path / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    lock = ["openssl", "pkcs8", "-topk8", "-in", str(tmp_path / "server-key.pem"), "-passout", "pass:secret"]
    subprocess.run([*lock, "-out", str(tmp_path / "locked.pem")], check=True, capture_output=True, timeout=30)
    with pytest.raises(ConfigError) as caught:
        ServerCertificate(tmp_path / certificate, tmp_path / key)
    expected = said.format(certificate=tmp_path / certificate, key=tmp_path / key)
    assert str(caught.value).startswith(expected)


def test_a_key_without_a_certificate_is_refused_rather_than_plain_http() -> None:
    with pytest.raises(ConfigError, match="tls_key needs tls_cert beside it"):
        certificate_of(Settings(tls_key=Path("key.pem")))


def test_one_file_may_hold_both(tmp_path: Path, trusted: Authority) -> None:
    trusted.sign(tmp_path / "server.pem", tmp_path / "key.pem")
    both = tmp_path / "both.pem"
    both.write_text((tmp_path / "server.pem").read_text() + (tmp_path / "key.pem").read_text())
    assert ServerCertificate(both, both).context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_an_old_client_gets_exports_by_tls_as_well(secure: Server) -> None:
    check_exports(secure)
