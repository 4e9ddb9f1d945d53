"""Mails over real connections to a mail server of this machine."""

import asyncio
import json
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.alerts.mail_receiver import MailReceiver, running_mail_receiver
from tests.support.certificates import Authority, authority
from trackway.alerts.mail_text import mail_of
from trackway.domain.sent import Sent
from trackway.mail import sending
from trackway.mail.sending import Mails
from trackway.mail.server import MailServer

BODY = json.dumps(
    {
        "type": "alert.firing",
        "timestamp": "2026-11-30T12:00:00Z",
        "data": {
            "project": {"id": 1, "name": "Sh\u00f6p"},
            "alert": {"id": 3, "name": "Orders", "condition": "no events for 30 minutes"},
            "text": "Orders is firing",
            "observed": ".\n.",
            "since": None,
            "link": None,
        },
    }
)
ID = "msg_0123456789abcdef0123456789abcdef"
ANN, BOB = "ann@example.com", "bob@example.com"


def server_at(
    port: int, *, is_tls: bool = False, user: str = "", password: str = "", host: str = "127.0.0.1"
) -> MailServer:
    return MailServer(host, port, is_tls, user, password, "alerts@example.com")


def send(server: MailServer | None, *recipients: str) -> Sent:
    with ThreadPoolExecutor(1) as threads:
        mails, to = Mails(server, threads), recipients or (ANN,)
        return asyncio.run(mails.send(mail_of(BODY, ID, mails.sender, to), to))


@pytest.fixture
def plain() -> Iterator[MailReceiver]:
    with running_mail_receiver() as running:
        yield running


def test_a_mail_arrives_with_its_envelope_and_its_text(plain: MailReceiver) -> None:
    assert send(server_at(plain.port), ANN, BOB) == (True, "sent")
    [arrived] = plain.wait(1)
    assert (arrived.sender, arrived.recipients) == ("alerts@example.com", (ANN, BOB))
    message = arrived.message
    assert message["Subject"] == "[Sh\u00f6p] Orders is firing" and message["Message-ID"] == f"<{ID}@example.com>"
    assert message["Auto-Submitted"] == "auto-generated" and "no events for 30 minutes" in message.get_content()


def test_addresses_that_are_refused_are_counted_and_none_left_is_a_failure() -> None:
    with running_mail_receiver(refused=frozenset({BOB})) as receiver:
        assert send(server_at(receiver.port), ANN, BOB) == (True, "sent, but 1 of 2 addresses were refused")
        assert send(server_at(receiver.port), BOB) == (False, "the mail server refused every address")
        assert [each.recipients for each in receiver.mails] == [(ANN,)]


def test_credentials_are_given_and_a_wrong_one_is_a_failure_without_it() -> None:
    with running_mail_receiver(user="alerts@example.com", password="s3cret: \u00e4") as receiver:
        good = server_at(receiver.port, user="alerts@example.com", password="s3cret: \u00e4")
        assert send(good) == (True, "sent")
        wrong = server_at(receiver.port, user="alerts@example.com", password="other-word")
        found = send(wrong)
        assert found == (False, "the mail server answered 535") and "other-word" not in repr(wrong)
        assert send(server_at(receiver.port)) == (False, "the mail server answered 530")


def test_no_password_goes_over_a_network_without_tls(plain: MailReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is taken for one elsewhere, and offers no STARTTLS."""
    monkeypatch.setattr(MailServer, "is_here", property(lambda _: False))
    found = send(server_at(plain.port, user="alerts", password="s3cret"))
    assert found == (False, "the mail server failed: SMTPNotSupportedError")
    assert not any(line.upper().startswith(b"AUTH") for line in plain.said) and plain.mails == []
    assert send(server_at(plain.port)).delivered, "without a password it is as the server offers"


def certified(directory: Path) -> tuple[Authority, ssl.SSLContext]:
    """A certificate for this machine, and who signed it."""
    signer = authority(directory)
    signer.sign(directory / "cert.pem", directory / "key.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "cert.pem", directory / "key.pem")
    return signer, context


def test_starttls_comes_before_the_password_and_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MailServer, "is_here", property(lambda _: False))
    signer, context = certified(tmp_path)
    with running_mail_receiver(starttls=context, user="alerts", password="s3cret") as receiver:
        elsewhere = server_at(receiver.port, user="alerts", password="s3cret")
        assert "CERTIFICATE_VERIFY_FAILED" in send(elsewhere).detail and receiver.mails == []
        monkeypatch.setenv("SSL_CERT_FILE", str(signer.certificate))
        receiver.said.clear()
        assert send(elsewhere) == (True, "sent")
        verbs = [line.split()[0].decode().upper() for line in receiver.said]
        assert verbs[:4] == ["EHLO", "STARTTLS", "EHLO", "AUTH"]


def test_tls_from_the_start_needs_a_certificate_that_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer, context = certified(tmp_path)
    with running_mail_receiver(tls=context) as receiver:
        found = send(server_at(receiver.port, is_tls=True))
        assert not found.delivered and "CERTIFICATE_VERIFY_FAILED" in found.detail
        monkeypatch.setenv("SSL_CERT_FILE", str(signer.certificate))
        assert send(server_at(receiver.port, is_tls=True)) == (True, "sent")
        assert len(receiver.mails) == 1


def test_a_mail_server_that_drips_is_cut_off_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "MAIL_SEND_S_MAX", 1.0)
    with running_mail_receiver(drip_s=0.3) as receiver:
        began_s = time.monotonic()
        assert send(server_at(receiver.port)) == (False, "no answer within 1 s")
        assert time.monotonic() - began_s < 3, "its thread ends, too"


def test_no_mail_server_is_a_failure_that_says_so(plain: MailReceiver) -> None:
    assert send(None) == (False, "the server sends no mail: smtp_url is not set")
    free = plain.port
    with running_mail_receiver() as other:
        closed = other.port
    assert closed != free and "cannot be reached: " in send(server_at(closed)).detail
