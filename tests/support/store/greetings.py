"""What the driver asks a store that a client connects to: its version, its time zone and 1500 settings.

That costs the store and the client twenty times what `SELECT 1` does, and tests connect to one store hundreds of times.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client


@contextmanager
def asked_once() -> Iterator[None]:
    """Each store is asked by the first client with the same credentials. Later ones have its answers."""
    known: dict[tuple[str, str], Any] = {}
    ask = Client._init_common_settings
    keep = Client._apply_init_result

    def ask_once(client: Any, tz_source: Any) -> None:
        key = (client.url, client.headers["Authorization"])
        if key in known:
            keep(client, known[key])
        else:
            ask(client, tz_source)

    def remember(client: Any, answers: Any) -> None:
        known[client.url, client.headers["Authorization"]] = answers
        keep(client, answers)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Client, "_init_common_settings", ask_once)
        patched.setattr(Client, "_apply_init_result", remember)
        yield
