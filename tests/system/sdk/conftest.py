"""HTTPS in front of the running server, for what the SDKs send over TLS only; and a browser, with a site to open."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.sdk.browser import Chromium, Tab
from tests.support.sdk.https_front import Certificate, certificate, tls_front
from tests.support.sdk.website import website
from tests.support.server import Server


@dataclass(frozen=True)
class Secure:
    """The port on which the server is reached over TLS, and the certificate to trust."""

    port: int
    trusted: Certificate


@pytest.fixture(scope="session")
def secure(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    trusted = certificate(tmp_path_factory.mktemp("tls"))
    with tls_front(server.port, trusted) as port:
        yield Secure(port, trusted)


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """The origin of a website that loads the SDK."""
    with website() as origin:
        yield origin


@pytest.fixture
def tab(chromium: Chromium, site: str) -> Iterator[Tab]:
    """A page of that site, in a browser profile of its own."""
    opened = chromium.tab()
    opened.open(site)
    yield opened
    opened.close()
