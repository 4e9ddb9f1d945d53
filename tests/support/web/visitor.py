"""Somebody who looks at the pages without a browser: a cookie, forms with their token, and what came back.

`Visit` is signed in or not; `get` and `post` take paths below the server's prefix. `admin_password` makes one.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

from tests.support.command_line import printed
from tests.support.http.exchange import Reply, Request, ask
from tests.support.server import Server

HTML = ("Accept", "text/html")
FORM = ("Content-Type", "application/x-www-form-urlencoded")


_given: set[Path] = set()
"""The data directories of the servers that have got a new admin password."""


def admin_password(server: Server) -> str:
    """A new admin password; whoever was signed in with another is signed out.

    Once for a server: on one that other tests share it would end their sessions. Those have a fixture, `password`.
    """
    assert server.data_dir not in _given, "others are signed in here: use the fixture `password`"
    _given.add(server.data_dir)
    shown = printed("admin", "password", "--json", "--data-dir", str(server.data_dir), *server.projects_at)
    return str(json.loads(shown)["password"])


@dataclass
class Visit:
    """A visitor. `cookies` are sent with each request, and taken from replies."""

    server: Server
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, *headers: tuple[str, str]) -> Reply:
        return self._ask(Request("GET", self.server.prefix + path, (HTML, *headers)))

    def post(self, path: str, fields: dict[str, str] | None = None, *headers: tuple[str, str]) -> Reply:
        """A form of this server's pages, with the token of the session."""
        return self.send(path, {"csrf": self.csrf, **(fields or {})}, ("Origin", self.origin), *headers)

    def send(self, path: str, fields: dict[str, str], *headers: tuple[str, str]) -> Reply:
        """Just these fields and headers."""
        return self._ask(Request("POST", self.server.prefix + path, (HTML, FORM, *headers), urlencode(fields).encode()))

    def sign_in(self, name: str, secret: str, wanted: str = "") -> Reply:
        fields = {"name": name, "secret": secret, "next": wanted}
        return self.send("/app/sign-in", fields, ("Origin", self.origin))

    @property
    def origin(self) -> str:
        return f"{'https' if self.server.tls else 'http'}://127.0.0.1:{self.server.port}"

    @property
    def csrf(self) -> str:
        """The token of this session, as its pages carry it."""
        found = re.search(r'name="csrf" content="([^"]*)"', self.get("/app/").body.decode())
        return unescape(found[1]) if found else ""

    def _ask(self, request: Request) -> Reply:
        sent = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = (*request.headers, ("Cookie", sent)) if sent else request.headers
        reply = self.server.ask(Request(request.method, request.target, headers, request.body))
        for name, value in reply.headers:
            if name == "set-cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]
        return reply


def signed_in(server: Server, name: str, secret: str) -> Visit:
    """A visitor who has signed in."""
    visit = Visit(server)
    reply = visit.sign_in(name, secret)
    assert reply.status == 303, reply
    return visit


def looks_from(address: str, server: Server, paths: Iterable[str]) -> set[int]:
    """The statuses of visits, up to the first that is refused as too many. They come from a loopback address that no
    other test uses: what this one uses up for a minute is missed by nobody."""
    seen: set[int] = set()
    for path in paths:
        seen.add(ask(server.port, Request("GET", server.prefix + path, (HTML,)), source=(address, 0)).status)
        if 429 in seen:
            break
    return seen
