"""An event as a page shows it: its properties by kind, its location, and its SDK.

Values stay the client's text, so that a large number or a list is shown as it is. Strings are shown without their
quotes.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from trackway.query.event_feed import ShownEvent

_PLAIN_WORDS: Final = """
utm_source utm_medium utm_campaign utm_content utm_term utm_id current_page_title current_domain current_url_path
current_url_protocol current_url_search dclid fbclid gclid ko_click_id li_fat_id msclkid sccid ttclid twclid wbraid
"""
_PLAIN: Final = frozenset(_PLAIN_WORDS.split())
"""Properties that SDKs set themselves, although their names do not begin with `$` or `mp_`."""
_SAME_TIME_MS: Final = 60_000
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Row(NamedTuple):
    """A row of a list of events. `id` is the event's cursor, also for links. `raw` is its export line, indented. It and
    the properties are empty where `is_large`."""

    id: str
    event: str
    person: str
    distinct_id: str
    insert_id: str
    time_ms: int
    received_ms: int
    endpoint: str
    sdk: str
    place: str
    custom: list[tuple[str, str]]
    default: list[tuple[str, str]]
    raw: str
    is_large: bool
    properties_bytes: int

    @property
    def came_later(self) -> bool:
        """Whether it arrived long after its own time, as imported events do. Clocks and queues differ by less."""
        return abs(self.received_ms - self.time_ms) > _SAME_TIME_MS


def row_of(shown: ShownEvent) -> Row:
    """The row of an event."""
    is_large = not shown.properties
    members = _members.decode(shown.properties or "{}")
    values = {name: _value(bytes(raw)) for name, raw in members.items()}
    return Row(
        id=str(shown.cursor),
        event=shown.event,
        person=shown.person,
        distinct_id=shown.distinct_id,
        insert_id=shown.insert_id,
        time_ms=shown.cursor.time_ms,
        received_ms=shown.cursor.received_us // 1000,
        endpoint="/import" if shown.is_import else "/track",
        sdk=_joined((values.get("mp_lib"), values.get("$lib_version")), " "),
        place=_joined((values.get("$city"), values.get("$region"), values.get("mp_country_code")), ", "),
        custom=[(name, value) for name, value in values.items() if not is_default(name)],
        default=[(name, value) for name, value in values.items() if is_default(name)],
        raw="" if is_large else _raw(shown, members),
        is_large=is_large,
        properties_bytes=shown.properties_bytes,
    )


def is_default(name: str) -> bool:
    """Whether an SDK or the server set the property, and not the application."""
    return name.startswith(("$", "mp_")) or name in _PLAIN


def _value(raw: bytes) -> str:
    return str(msgspec.json.decode(raw)) if raw.startswith(b'"') else raw.decode()


def _joined(parts: Iterable[str | None], between: str) -> str:
    return between.join(part for part in parts if part)


def _raw(shown: ShownEvent, members: dict[str, msgspec.Raw]) -> str:
    own = {"time": shown.cursor.time_ms // 1000, "distinct_id": shown.distinct_id, "$insert_id": shown.insert_id}
    text = msgspec.json.encode({"event": shown.event, "properties": own | members})
    return msgspec.json.format(text, indent=2).decode()
