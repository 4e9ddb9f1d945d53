"""One alert that cannot be looked at or sent must not end the watch over all others."""

import asyncio
from typing import Any

import pytest

from trackway.alerts import watcher
from trackway.alerts.watcher import Watched, Watcher
from trackway.projects.alert import Alert, Delivery
from trackway.projects.alert_condition import Quiet
from trackway.projects.alert_state import Due, Look
from trackway.projects.saved import Made

ALERT = Alert(
    3, 7, "Silence", Quiet(30), "https://hooks.example.com/", (), "whsec_", "", True, True, 1, 0, True, 0, None, "",
    Made(0, 0, None, "admin"),
)  # fmt: skip
DELIVERY = Delivery(9, 3, "msg_1", "webhook", "firing", "{}", 0, 0, 0, "waiting", "", None)


class _State:
    """What the watcher writes."""

    def __init__(self) -> None:
        self.looks: list[Look] = []
        self.tries: list[tuple[str, bool]] = []

    def looked(self, alert: Alert, look: Look) -> bool:
        self.looks.append(look)
        return True

    def begin_try(self, delivery: Delivery, now_ms: int) -> bool:
        return True

    def end_try(self, delivery: Delivery, detail: str, now_ms: int, *, delivered: bool) -> str:
        self.tries.append((detail, delivered))
        return "waiting"


def watch_with(monkeypatch: pytest.MonkeyPatch) -> tuple[Watcher, _State]:
    state = _State()

    async def fail(*_: object) -> None:
        raise KeyError("a fault of ours")

    class Changes:
        async def run(self, work: Any, author: object) -> Any:
            return work(type("Opened", (), {"projects": None}))

    monkeypatch.setattr(watcher, "look_at", fail)
    monkeypatch.setattr(watcher, "send", fail)
    monkeypatch.setattr(watcher, "AlertState", lambda *_: state)
    parts: Any = type("Parts", (), {"changes": Changes()})
    nothing: Any = None
    return Watcher(Watched("us", 60), nothing, parts, nothing), state


def test_a_look_that_fails_changes_nothing_and_is_repeated_later(monkeypatch: pytest.MonkeyPatch) -> None:
    watching, state = watch_with(monkeypatch)
    asyncio.run(watching._look(ALERT))
    [look] = state.looks
    assert look.change is None and "log of the server" in look.observed
    assert look.next_look_ms - look.now_ms == 60_000


def test_a_message_that_fails_is_a_try_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    watching, state = watch_with(monkeypatch)
    asyncio.run(watching._send(Due(DELIVERY, ALERT)))
    assert state.tries == [("it failed: the log of the server says why", False)]
