"""Windows and visitors for the tests of the pages."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.sdk.browser import Chromium
from tests.support.server import Server
from tests.support.web.browser_window import Window, open_window
from tests.support.web.visitor import Visit, admin_password, signed_in

OpenWindow = Callable[..., Window]
"""Opens a window on the server; options as `open_window` has them."""


@pytest.fixture(scope="session")
def password(server: Server) -> str:
    """The admin password of the shared server."""
    return admin_password(server)


@pytest.fixture(scope="session")
def session(server: Server, password: str) -> dict[str, str]:
    """The cookies of a session of the admin, begun once: it costs a visitor as much as a password to be guessed."""
    return signed_in(server, "admin", password).cookies


@pytest.fixture
def admin(server: Server, session: dict[str, str]) -> Visit:
    """The admin, signed in, without a browser."""
    return Visit(server, dict(session))


@pytest.fixture
def windows(chromium: Chromium, server: Server) -> Iterator[OpenWindow]:
    """Opens windows, nobody signed in, and closes them at the end."""
    opened: list[Window] = []

    def open_another(**options: Any) -> Window:
        opened.append(open_window(chromium, server.url, **options))
        return opened[-1]

    yield open_another
    for each in opened:
        each.close()


@pytest.fixture
def window(windows: OpenWindow, session: dict[str, str]) -> Window:
    """A window in which the admin is signed in, on no page yet."""
    opened = windows()
    opened.take_cookies(session)
    return opened
