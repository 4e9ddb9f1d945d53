"""What a ClickHouse server needs to end the query of a client that leaves: it heeds the wish for readonly queries only.

`HTTPHandler::processQuery` asks whether the client is connected where `readonly` is above 0 and
`cancel_http_readonly_queries_on_client_close` is set. A GET is readonly by itself; the driver sends a POST.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from trackway.store.client import Store


class Driver:
    """Keeps the settings of each statement, and answers nothing."""

    def __init__(self) -> None:
        self.sent: list[Mapping[str, str]] = []

    def raw_stream(self, sql: str, *, settings: Mapping[str, str], **_: Any) -> Any:
        self.sent.append(settings)
        return self

    def command(self, sql: str, *, settings: Mapping[str, str], **_: Any) -> None:
        self.sent.append(settings)

    headers: Mapping[str, str] = {}

    def stream(self, _: int) -> Any:
        return iter(())

    def close(self) -> None:
        """There is no connection."""


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    made = Driver()
    monkeypatch.setattr(Store, "_driver", lambda _: made)
    return made


def test_a_read_ends_with_its_client_and_may_have_settings_of_its_own(driver: Driver) -> None:
    store = Store("http://user:password@clickhouse:8123/trackway")
    assert list(store.stream("SELECT 1", settings={"max_threads": "1"})) == []
    [settings] = driver.sent
    assert (settings["readonly"], settings["cancel_http_readonly_queries_on_client_close"]) == ("2", "1")
    assert settings["max_threads"] == "1"


def test_a_change_is_finished_whoever_leaves(driver: Driver) -> None:
    Store("http://user:password@clickhouse:8123/trackway").command("ALTER TABLE events DROP PARTITION 1")
    [settings] = driver.sent
    assert not {"readonly", "cancel_http_readonly_queries_on_client_close"} & set(settings)
