"""HTTPS in front of the running server, for what the SDKs send over TLS only."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.running import Server
from tests.sdk.tls import Certificate, certificate, tls_front


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
