"""Sends a mail. smtplib blocks, so each mail has a thread, and its connection is cut after MAIL_SEND_S_MAX."""

import asyncio
import contextlib
import smtplib
import socket
import ssl
from base64 import b64encode
from collections.abc import Sequence
from concurrent.futures import Executor
from email.message import EmailMessage
from typing import Final

from trackway.domain.sent import Sent
from trackway.mail.limits import MAIL_SEND_S_MAX
from trackway.mail.server import MailServer

_AUTHENTICATED: Final = 235


class Mails:
    """Sends by one mail server; None: no mail is set up. `threads` talk to it. For one event loop."""

    def __init__(self, server: MailServer | None, threads: Executor):
        self._server = server
        self._threads = threads

    @property
    def sender(self) -> str:
        """The address that mails come from, "" where no mail is set up."""
        return self._server.sender if self._server is not None else ""

    async def send(self, mail: EmailMessage, recipients: Sequence[str]) -> Sent:
        """One try. It never raises for what a mail server or a network does."""
        server = self._server
        if server is None:
            return Sent(False, "the server sends no mail: smtp_url is not set")
        client = _client(server)
        talk = asyncio.get_running_loop().run_in_executor(self._threads, _talk, client, server, mail, recipients)
        try:
            async with asyncio.timeout(MAIL_SEND_S_MAX):
                return await asyncio.shield(talk)
        except TimeoutError:
            _cut(client)
            talk.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
            return Sent(False, f"no answer within {MAIL_SEND_S_MAX:.0f} s")


def _client(server: MailServer) -> smtplib.SMTP:
    """A client that has not connected. It names this machine without a look-up, which could take long."""
    name = socket.gethostname()
    if server.is_tls:
        return smtplib.SMTP_SSL(local_hostname=name, timeout=MAIL_SEND_S_MAX, context=ssl.create_default_context())
    return smtplib.SMTP(local_hostname=name, timeout=MAIL_SEND_S_MAX)


def _talk(client: smtplib.SMTP, server: MailServer, mail: EmailMessage, recipients: Sequence[str]) -> Sent:
    """In a thread. The reasons hold no text of the mail server, which might repeat what it was sent."""
    try:
        refused = _sent(client, server, mail, recipients)
    except smtplib.SMTPRecipientsRefused:
        return Sent(False, "the mail server refused every address")
    except smtplib.SMTPResponseException as error:
        return Sent(False, f"the mail server answered {error.smtp_code}")
    except smtplib.SMTPException as error:
        return Sent(False, f"the mail server failed: {type(error).__name__}")
    except ssl.SSLError as error:
        return Sent(False, f"TLS failed: {error.reason or 'no reason given'}")
    except OSError as error:
        return Sent(False, f"the mail server cannot be reached: {error.strerror or type(error).__name__}")
    finally:
        with contextlib.suppress(OSError):
            client.close()
    if refused:
        return Sent(True, f"sent, but {refused} of {len(recipients)} addresses were refused")
    return Sent(True, "sent")


def _sent(client: smtplib.SMTP, server: MailServer, mail: EmailMessage, recipients: Sequence[str]) -> int:
    """Send it; returns how many addresses were refused."""
    client._host = server.host  # type: ignore[attr-defined]  # the name that TLS checks, which connect() does not set
    client.connect(server.host, server.port)
    client.ehlo()
    if not server.is_tls and not server.is_here and (server.user or client.has_extn("starttls")):
        client.starttls(context=ssl.create_default_context())  # raises where it is not offered
        client.ehlo()
    if server.user:
        _authenticate(client, server)
    refused = client.send_message(mail, server.sender, list(recipients))
    with contextlib.suppress(smtplib.SMTPException, OSError):  # the mail is accepted already
        client.quit()
    return len(refused)


def _authenticate(client: smtplib.SMTP, server: MailServer) -> None:
    """Raises SMTPException when the server refuses the credentials."""
    if (server.user + server.password).isascii():
        client.login(server.user, server.password)
        return
    # smtplib encodes credentials as ASCII alone; RFC 4616 has UTF-8.
    given = b64encode(f"\0{server.user}\0{server.password}".encode()).decode()
    code, answer = client.docmd("AUTH", f"PLAIN {given}")
    if code != _AUTHENTICATED:
        raise smtplib.SMTPAuthenticationError(code, answer)


def _cut(client: smtplib.SMTP) -> None:
    """End a conversation that takes too long: its thread gets an error at once."""
    connected = client.sock
    if connected is not None:
        with contextlib.suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)
