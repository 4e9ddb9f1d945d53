"""A small mail server on 127.0.0.1: what a client needs of RFC 5321, AUTH PLAIN and TLS.

It keeps each mail with its envelope. It can refuse recipients and credentials, answer slowly, and be silent.
"""

import base64
import contextlib
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from tests.support.waiting import wait_until

TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Mail:
    """A mail that was accepted."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        found = message_from_bytes(self.content, policy=policy.default)
        assert isinstance(found, EmailMessage)
        return found


@dataclass
class MailReceiver:
    """`password`: what `user` must give, "" for no AUTH. `refused`: addresses that get a 550. `drip_s`: seconds before
    each byte of the greeting."""

    port: int = 0
    user: str = ""
    password: str = ""
    refused: frozenset[str] = frozenset()
    drip_s: float = 0.0
    starttls: ssl.SSLContext | None = None
    mails: list[Mail] = field(default_factory=list)
    said: list[bytes] = field(default_factory=list)
    """Every line of a client but those of mails."""

    def wait(self, count: int) -> list[Mail]:
        wait_until(lambda: len(self.mails) >= count, TIMEOUT_S, lambda: f"{len(self.mails)} mails, {count} expected")
        return list(self.mails)


class _Conversation(socketserver.StreamRequestHandler):
    receiver: MailReceiver

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # the client may be gone
            self._greet()
            self._talk()
        self.connection.close()  # after STARTTLS it is another one than that of the server

    def _greet(self) -> None:
        for byte in b"220 mail.example.com ESMTP\r\n":
            if self.receiver.drip_s:
                time.sleep(self.receiver.drip_s)
            self.wfile.write(bytes([byte]))
            self.wfile.flush()

    def _talk(self) -> None:
        sender, recipients, is_known = "", list[str](), not self.receiver.password
        while line := self.rfile.readline():
            self.receiver.said.append(line)
            verb, _, rest = line.decode().strip().partition(" ")
            match verb.upper():
                case "EHLO":
                    self._say("250-mail.example.com", *self._offers(), "250 8BITMIME")
                case "STARTTLS" if self.receiver.starttls:
                    self._say("220 go on")
                    self.connection = self.receiver.starttls.wrap_socket(self.connection, server_side=True)
                    self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
                case "AUTH":
                    given = base64.b64decode(rest.partition(" ")[2]).split(b"\0")
                    is_known = given[1:] == [self.receiver.user.encode(), self.receiver.password.encode()]
                    self._say("235 2.7.0 ok" if is_known else "535 5.7.8 refused")
                case "MAIL":
                    sender = rest.partition("<")[2].partition(">")[0]
                    self._say("250 ok" if is_known else "530 5.7.0 authenticate first")
                case "RCPT":
                    address = rest.partition("<")[2].partition(">")[0]
                    if address in self.receiver.refused:
                        self._say("550 5.1.1 unknown")
                    else:
                        recipients.append(address)
                        self._say("250 ok")
                case "DATA":
                    self._say("354 go on")
                    content = b"".join(iter(self.rfile.readline, b".\r\n"))
                    self.receiver.mails.append(Mail(sender, tuple(recipients), content))
                    self._say("250 accepted")
                case "QUIT":
                    return self._say("221 bye")
                case _:
                    self._say("250 ok")

    def _offers(self) -> Iterator[str]:
        if self.receiver.password:
            yield "250-AUTH PLAIN"
        if self.receiver.starttls:
            yield "250-STARTTLS"

    def _say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())
        self.wfile.flush()


@contextlib.contextmanager
def running_mail_receiver(tls: ssl.SSLContext | None = None, **options: Any) -> Iterator[MailReceiver]:
    receiver = MailReceiver(**options)
    handler = type("Handler", (_Conversation,), {"receiver": receiver})
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
