"""The events that are asked about: made by SQL, once as trackway stores them and once as a user would prepare them.

`made.sql` makes an event from its number. Trackway gets what its loader would write for these events: rows of `events`
with the properties as JSON text, some of them twice, and one claim in `identity_links` for each device of a user. They
go straight into the tables, since sending ten million events to `/import` takes minutes that measure nothing here. The
other form goes through a Parquet file to DuckDB, and nothing of trackway takes part in it.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from trackway.store.client import Store

FIRST_DAY: Final = date(2026, 7, 1)
DAYS: Final = 60
_DAY_MS: Final = 86_400_000
_PIECE_EVENTS: Final = 250_000
_AGAIN_EVERY: Final = 200
_AGAIN_MS: Final = 3_600_000
_NEWEST_SHARE: Final = 20
_NEWEST_DAYS: Final = 3
_LATE_SHARE: Final = 200
_NEVER_COUNTED: Final = 1 << 62
"""A position beyond every cursor of the loader. So reports read these events, and the compactor does not."""
_PART_BYTES_MAX: Final = 256 << 20
"""No larger part is made before the plain statements are asked. So a month has several, as in a store that receives
events all the time, and each has events of all days."""
_MADE: Final = Path(__file__).with_name("made.sql").read_text("utf-8")
_DEVICE: Final = "lower(concat(hex(sipHash64(device)), hex(cityHash64(device))))"
_JSON: Final = """concat(
    '{"$browser":"', browser, '","$browser_version":', toString(browser_version), ',"$os":"', os,
    '","$current_url":"', current_url, '","$referrer":"', referrer, '","$city":"', city,
    '","mp_country_code":"', country, '","$screen_height":', toString(screen_height), ',"mp_lib":"web","$device_id":"',
    device_id, if(named, concat('","$user_id":"', user_id), ''), '","plan":"', plan,
    ifNull(concat('","item_id":"', item_id), ''), '","price":', toString(price), ',"quantity":', toString(quantity),
    ',"tags":[', arrayStringConcat(arrayMap(tag -> concat('"', tag, '"'), tags), ','),
    '],"is_member":', if(is_member, 'true', 'false'), ',"session_id":"', session_id,
    ifNull(concat('","utm_campaign":"', utm_campaign), ''), '"}')"""
_EVENTS: Final = f"""
INSERT INTO events (
    project_id, received, endpoint, time, event, distinct_id, insert_id, device_id, user_id, properties,
    loaded, position
)
SELECT {{project:UInt32}}, fromUnixTimestamp64Milli(time_ms + {{late_ms:Int64}}, 'UTC') AS arrived, 2,
    fromUnixTimestamp64Milli(time_ms, 'UTC'), event, if(named, user_id, concat('$device:', device_id)),
    lower(hex(sipHash64(number))), device_id, user_id, {_JSON}, arrived + 1, {{position:UInt64}}
FROM (SELECT *, {_DEVICE} AS device_id, if(named, concat('user-', toString(user)), '') AS user_id FROM ({_MADE}))
WHERE number % {{every:UInt32}} = 0
SETTINGS max_threads = 1, max_block_size = 65536, min_insert_block_size_rows = 262144"""
_LINKS: Final = f"""
INSERT INTO identity_links (project_id, id, applied, canonical_id, rank, sequence, kind, made, reason)
SELECT {{project:UInt32}}, concat('$device:', {_DEVICE}), 0, concat('user-', toString(place % {{users:UInt64}})),
    9223372036854775807 - place, place + 1, 1, now64(6), ''
FROM (SELECT number AS place, intDiv(number, 4) * 5 + number % 4 + 1 AS device FROM numbers({{links:UInt64}}))"""
_COLUMNS: Final = f"""
SELECT toInt64(person) AS person, toDate(fromUnixTimestamp64Milli(time_ms, 'UTC')) AS day, time_ms, event, browser,
    browser_version, os, current_url, referrer, city, country, screen_height, {_DEVICE} AS device_id, plan, item_id,
    price, quantity, tags, is_member, session_id, utm_campaign
FROM ({_MADE})"""


class Batch(NamedTuple):
    """Events with the numbers from `from_number` on, whose times lie in `days` days from `begin` on. `late_s`: how long
    after its time each arrives; `position`: that of their journal records."""

    from_number: int
    events: int
    begin: date = FIRST_DAY
    days: int = DAYS
    late_s: int = 1
    position: int = 0


class Data(NamedTuple):
    """How many events there are, and how many devices belong to a user. A user has five devices; one device of five
    has none."""

    events: int
    links: int

    @property
    def settled(self) -> list[Batch]:
        """The events of all days, as stored before facts existed."""
        return [Batch(0, self.events)]

    @property
    def newest(self) -> list[Batch]:
        """A twentieth more, which no facts hold: events of the last days, and some of any day that were sent late."""
        count = self.events // _NEWEST_SHARE
        late = count // _LATE_SHARE
        begin = FIRST_DAY + timedelta(DAYS - _NEWEST_DAYS)
        return [
            Batch(self.events, count - late, begin, _NEWEST_DAYS, position=_NEVER_COUNTED),
            Batch(self.events + count - late, late, late_s=DAYS * 86_400, position=_NEVER_COUNTED),
        ]

    def pieces(self, batches: Iterable[Batch]) -> Iterator[dict[str, Any]]:
        """What the statements bind to make these events, so many at once that a statement fits its memory."""
        for batch in batches:
            begin = datetime(batch.begin.year, batch.begin.month, batch.begin.day, tzinfo=UTC)
            for at in range(0, batch.events, _PIECE_EVENTS):
                yield {
                    "from_number": batch.from_number + at,
                    "count": min(_PIECE_EVENTS, batch.events - at),
                    "begin_ms": int(begin.timestamp()) * 1000,
                    "span_ms": batch.days * _DAY_MS,
                    "late_ms": batch.late_s * 1000,
                    "position": batch.position,
                    "devices": self.links * 5 // 4,
                    "users": self.links // 5,
                }


def store_links(store: Store, data: Data, project_id: int) -> None:
    """A claim of each device that belongs to a user."""
    store.command(_LINKS, {"links": data.links, "users": data.links // 5, "project": project_id})


def store_events(store: Store, data: Data, batches: Iterable[Batch], project_id: int) -> None:
    """The events of batches; one in two hundred follows again an hour later, as from a client that had no answer."""
    for piece in data.pieces(batches):
        store.command(_EVENTS, {**piece, "project": project_id, "every": 1})
        again_ms = piece["late_ms"] + _AGAIN_MS
        store.command(_EVENTS, {**piece, "project": project_id, "every": _AGAIN_EVERY, "late_ms": again_ms})


def keep_unsettled(store: Store) -> None:
    """Let no part become larger than what some days bring."""
    store.command(f"ALTER TABLE events MODIFY SETTING max_bytes_to_merge_at_max_space_in_pool = {_PART_BYTES_MAX}")


def let_settle(store: Store) -> None:
    store.command("ALTER TABLE events RESET SETTING max_bytes_to_merge_at_max_space_in_pool")


def write_columns(store: Store, data: Data, batches: Iterable[Batch], directory: Path) -> Path:
    """The same events, each once, as Parquet files of typed columns with the person of each event. Returns a glob."""
    directory.mkdir()
    for number, piece in enumerate(data.pieces(batches)):
        with (directory / f"{number:04}.parquet").open("wb") as file:
            file.writelines(store.stream(_COLUMNS, piece, "Parquet"))
    return directory / "*.parquet"
