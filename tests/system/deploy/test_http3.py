"""The real browser SDK sends by HTTP/3, where Caddy is in front of the server as deploy/proxy has it."""

import base64
import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.deploy.proxies import Front, running
from tests.support.sdk.browser import Chromium, running_chromium
from tests.support.sdk.website import website
from tests.support.server import Project, Server


def fingerprint(certificate: Path) -> str:
    """SHA-256 of its public key in base64, by which Chromium trusts a certificate for QUIC, too."""
    key = subprocess.run(
        ["openssl", "x509", "-in", str(certificate), "-noout", "-pubkey"], check=True, capture_output=True, timeout=30
    ).stdout
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "der"], input=key, check=True, capture_output=True, timeout=30
    ).stdout
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


@pytest.fixture
def front(server: Server) -> Iterator[Front]:
    with running("caddy", server.port) as started:
        yield started


@pytest.fixture
def chromium(front: Front) -> Iterator[Chromium]:
    """A browser that reaches the proxy by QUIC or not at all."""
    trusted = f"--ignore-certificate-errors-spki-list={fingerprint(front.chain)}"
    with running_chromium("--enable-quic", f"--origin-to-force-quic-on=localhost:{front.port}", trusted) as running:
        yield running


def test_the_browser_sdk_sends_by_http_3(server: Server, project: Project, front: Front, chromium: Chromium) -> None:
    tab = chromium.tab()
    protocols: list[tuple[str, str]] = []
    session = chromium.wait(tab.context.new_cdp_session(tab.page))
    session.on(
        "Network.responseReceived",
        lambda told: protocols.append((told["response"]["url"], told["response"]["protocol"])),
    )
    chromium.wait(session.send("Network.enable"))
    with website() as site:
        tab.open(site)
        tab.start(project.token, front.url)
        tab.call("track", "By HTTP/3", {"plan": "free"})
        tab.wait_sent()
    assert {protocol for url, protocol in protocols if f"{front.url}/track" in url} == {"h3"}, protocols
    assert [each["event"] for each in server.export_when(project, 1)] == ["By HTTP/3"]
    tab.close()
