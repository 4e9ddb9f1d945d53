"""Webhooks over TLS, and host names that cannot be looked up."""

import asyncio
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.alerts.receiver import running_receiver
from tests.support.certificates import authority
from trackway.alerts.public_address import allowed
from trackway.alerts.webhook import Request, Webhooks
from trackway.domain.sent import Sent
from trackway.projects.alert import new_message_id, new_secret


def send(url: str, *hosts: str) -> Sent:
    async def sent() -> Sent:
        with ThreadPoolExecutor(1) as threads:
            request = Request(url, new_secret(), new_message_id(), b"{}", 1_796_000_000)
            return await Webhooks(allowed(hosts), threads).send(request)

    return asyncio.run(sent())


def test_a_certificate_must_be_trusted_and_be_that_of_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signer = authority(tmp_path)
    signer.sign(tmp_path / "cert.pem", tmp_path / "key.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    names: list[str | None] = []
    context.sni_callback = lambda _, name, __: names.append(name)
    with running_receiver(context) as receiver:
        found = send(receiver.url(), "127.0.0.1")
        assert not found.delivered and found.detail.startswith("TLS failed: CERTIFICATE_VERIFY_FAILED")
        monkeypatch.setenv("SSL_CERT_FILE", str(signer.certificate))
        assert send(receiver.url("/by-address"), "127.0.0.1") == (True, "answered 200")
        assert send(f"https://localhost:{receiver.port}/by-name", "localhost") == (True, "answered 200")
        # The host of the URL, not the address, is what TLS asks for, and what the certificate must name.
        assert names[-1] == "localhost"
        assert [each.path for each in receiver.requests] == ["/by-address", "/by-name"]
        other = send(f"https://ip6-localhost.localdomain:{receiver.port}/", "127.0.0.0/8", "::1")
        assert not other.delivered


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", ".example.com", "x" * 64 + ".example.com", "-"])
def test_a_host_that_cannot_be_looked_up_is_a_failure(host: str) -> None:
    found = send(f"https://{host}/")
    assert not found.delivered and found.detail in ("the host name is not known", "the URL cannot be used"), found
