"""Windows and visitors for the tests of the pages."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.running import Server
from tests.sdk.browser import Chromium
from tests.web.visiting import Visit, admin_password, signed_in
from tests.web.window import Window, open_window

OpenWindow = Callable[..., Window]
"""Opens a window on the server; options as `open_window` has them."""


@pytest.fixture(scope="session")
def password(server: Server) -> str:
    """The admin password of the shared server."""
    return admin_password(server)


@pytest.fixture
def admin(server: Server, password: str) -> Visit:
    """The admin, signed in, without a browser."""
    return signed_in(server, "admin", password)


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
def window(windows: OpenWindow, password: str) -> Window:
    """A window in which the admin is signed in."""
    opened = windows()
    opened.sign_in("admin", password)
    return opened
