"""What the loader says to the store: its inserts, its cursor, and the one question deduplication asks."""

import struct
from collections.abc import Sequence

from trackway.errors import StorageError
from trackway.journal.columns import string
from trackway.journal.entry import NO_PROJECT, Entry
from trackway.limits import KEYS_ASKED_AT_ONCE_MAX
from trackway.loader.batch import Batch, Count
from trackway.loader.event_block import EVENT_COLUMNS, event_block
from trackway.loader.window import Window
from trackway.store.client import Store

_REJECTED_COLUMNS = (
    "project_id",
    "received",
    "position",
    "index",
    "endpoint",
    "reason",
    "field",
    "insert_id",
    "original",
)
_LOADS_COLUMNS = (
    "from_position",
    "to_position",
    "loaded",
    "project_id",
    "minute",
    "endpoint",
    "outcome",
    "reason",
    "records",
)


def read_cursor(store: Store) -> int:
    """The journal position before which everything is loaded; 0 for a new store."""
    ((position,),) = store.query("SELECT max(to_position) FROM loads")
    return int(position)


def fill_window(store: Store, window: Window, since_us: int, before_position: int) -> int:
    """Put the keys that arrived since then, by records before a position, into the window; their number.

    Keys of later records were left by a load that crashed. They may be a day ahead of what is loaded next, and would
    make the window forget what that needs.
    """
    sql = (
        "SELECT key, toUnixTimestamp64Micro(received) FROM event_keys"
        " WHERE received >= fromUnixTimestamp64Micro({since_us:Int64}) AND position < {before:UInt64}"
    )
    keys = 0
    for key_column, received in store.query_columns(sql, {"since_us": since_us, "before": before_position}):
        window.add(key_column.view("<u8").reshape(-1, 2), int(received.max()))
        keys += len(received)
    return keys


def known_keys(store: Store, keys: Sequence[bytes], before_position: int) -> dict[bytes, int]:
    """Arrival in microseconds of the last event stored with each of these keys, by records before a position."""
    sql = (
        "SELECT hex(key), max(toUnixTimestamp64Micro(received)) FROM event_keys"
        " WHERE key IN (SELECT CAST(unhex(arrayJoin({keys:Array(String)})), 'FixedString(16)'))"
        " AND position < {before:UInt64} GROUP BY key"
    )
    found: dict[bytes, int] = {}
    for at in range(0, len(keys), KEYS_ASKED_AT_ONCE_MAX):
        asked = [key.hex() for key in keys[at : at + KEYS_ASKED_AT_ONCE_MAX]]
        for key, received_us in store.query(sql, {"keys": asked, "before": before_position}):
            found[bytes.fromhex(key)] = int(received_us)
    return found


def insert_events(store: Store, entries: Sequence[Entry]) -> None:
    """Insert the events of a batch's entries; those that stand there already replace themselves. Raises DataRefused."""
    if entries:
        # A batch holds no two rows of one key, so looking for them while inserting is wasted: 2.5 against 4.4 µs a row.
        settings = {"optimize_on_insert": "0"}
        store.insert_rows("events", tuple(EVENT_COLUMNS), event_block(entries), format="Native", settings=settings)


def insert_rest(store: Store, batch: Batch, loaded_ms: int) -> None:
    """Insert all that belongs to the events; the last insert, atomic, makes the batch count and moves the cursor.

    Everything before it may be repeated: keys are asked for by position, so that a batch never takes itself for its
    own duplicate, and rejected records replace themselves. Raises StorageError also when the batch does not count.
    """
    if batch.key_rows:
        store.insert_rows("event_keys", ("key", "received", "position"), batch.key_rows)
    if batch.rejected:
        store.insert_rows("rejected_records", _REJECTED_COLUMNS, batch.rejected)
    # A loader that was killed may have left this insert on its way. The batches of both begin with the same record, so
    # whichever comes first counts, and the store drops the other.
    once = {"insert_deduplication_token": str(batch.from_position)}
    store.insert_rows("loads", _LOADS_COLUMNS, _loads_rows(batch, loaded_ms), settings=once)
    if read_cursor(store) != batch.to_position:
        raise StorageError("the load of another loader was there first")


_LOADS_NUMBERS = struct.Struct("<QQqIIB")
_NOTHING = Count(NO_PROJECT, 0, 0, "stored", "")


def _loads_rows(batch: Batch, loaded_ms: int) -> bytes:
    """One row a count, in RowBinary; a batch without any still leaves its cursor."""
    rows = []
    for count, records in (batch.counts or {_NOTHING: 0}).items():
        minute_s = count.minute_us // 1_000_000
        numbers = (batch.from_position, batch.to_position, loaded_ms, count.project_id, minute_s, count.endpoint)
        rows += [_LOADS_NUMBERS.pack(*numbers), string(count.outcome.encode()), string(count.reason.encode())]
        rows.append(records.to_bytes(8, "little"))
    return b"".join(rows)
