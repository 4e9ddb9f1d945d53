"""NATS through TLS, with an authority of our own."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.certificates import authority
from tests.support.http.encodings import JSON
from tests.support.http.events import record
from tests.support.http.exchange import Request
from tests.support.journal.nats_cluster import PASSWORD, NatsCluster, nats_cluster
from tests.support.journal.nats_site import new_streams, site
from trackway.journal.stream import stream_journal
from trackway.journal.stream.address import parse_address
from trackway.journal.stream.connection import Away
from trackway.journal.stream.stream_journal import StreamJournal


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def secured(directory: Path) -> Iterator[NatsCluster]:
    """Servers whose certificate `directory`/authority.pem has signed."""
    certificate, key = directory / "nats.pem", directory / "nats-key.pem"
    authority(directory).sign(certificate, key)
    certificate.write_bytes(certificate.read_bytes() + key.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(directory / "authority.pem"))
        with nats_cluster(directory / "servers", certificate=certificate) as running:
            yield running


@pytest.mark.timeout(120)
def test_a_server_keeps_its_journal_through_tls(secured: NatsCluster, tmp_path: Path) -> None:
    assert secured.url.startswith("tls://")
    new_streams(secured)
    with site(secured, tmp_path / "data") as tree:
        tree.start()
        project = tree.create_project()
        reply = tree.ask(Request("POST", "/track", (JSON,), json.dumps(record(project)).encode()))
        assert (reply.status, reply.body) == (200, b"1"), reply
        tree.wait_caught_up()
        tree.stop()


def test_a_certificate_of_another_authority_is_refused_with_what_to_do(
    secured: NatsCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(authority(tmp_path / "other").certificate))
    monkeypatch.setattr(stream_journal, "STREAM_START_S_MAX", 1.0)
    with pytest.raises(Away, match=r"certificate of NATS is not trusted .*SSL_CERT_FILE can name") as refused:
        StreamJournal(parse_address(secured.url), tmp_path / "journal").recover()
    assert PASSWORD not in str(refused.value)


def test_servers_that_offer_no_tls_are_refused(
    nats: NatsCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_journal, "STREAM_START_S_MAX", 1.0)
    with pytest.raises(Away, match="offers no TLS"):
        StreamJournal(parse_address(nats.url.replace("nats://", "tls://")), tmp_path / "journal").recover()
