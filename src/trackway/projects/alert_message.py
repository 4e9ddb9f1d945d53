"""The messages of alerts: one JSON text that a webhook gets as it is, and from which a mail is written. Pure.

The form is that of Standard Webhooks: `type`, `timestamp`, `data`.
"""

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from trackway.projects.alert import Alert, MessageKind
from trackway.projects.alert_condition import condition_text

_WORDS: Final = {"firing": "is firing", "resolved": "has ended", "test": "is tested"}


class Told(NamedTuple):
    """What a message is about: the project, the alert, what was found, and when."""

    project_name: str
    report_name: str
    observed: str
    now_ms: int


def message_of(alert: Alert, kind: MessageKind, told: Told) -> str:
    """The body of a message, JSON in one line."""
    since_ms = alert.since_ms if kind == "resolved" else told.now_ms
    body: dict[str, Any] = {
        "type": f"alert.{kind}",
        "timestamp": _moment(told.now_ms),
        "data": {
            "project": {"id": alert.project_id, "name": told.project_name},
            "alert": {
                "id": alert.alert_id,
                "name": alert.name,
                "condition": condition_text(alert.condition, told.report_name),
            },
            "text": f"{alert.name} {_WORDS[kind]}",
            "observed": told.observed,
            "since": None if kind == "test" or since_ms is None else _moment(since_ms),
            "link": f"{alert.link}/{alert.alert_id}" if alert.link else None,
        },
    }
    return msgspec.json.encode(body).decode()


def _moment(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
