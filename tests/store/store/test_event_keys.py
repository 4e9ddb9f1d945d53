"""The keys of deduplication leave the store by themselves, whatever happens to their events."""

import time

from tests.support.waiting import wait_until
from trackway.store.client import Store
from trackway.store.migrate import migrate

KEPT_S = 2 * 86_400
OLD_WITHIN_S = 3
GONE_S_MAX = 120

_INSERT = """
INSERT INTO event_keys
SELECT toFixedString(toString(number), 16), fromUnixTimestamp64Micro({received:Int64}), number FROM numbers(1000)"""
_ROWS = """
SELECT sum(rows) FROM system.parts WHERE table = 'event_keys' AND active AND partition = {day:String}"""


def rows_of(store: Store, received_s: float) -> int:
    day = time.strftime("%Y-%m-%d", time.gmtime(received_s))
    return int(store.query(_ROWS, {"day": day})[0][0])


def test_a_part_of_keys_is_dropped_by_the_store_once_all_of_it_is_two_days_old(store: Store) -> None:
    migrate(store)
    now_s = time.time()
    old_s = now_s - KEPT_S + OLD_WITHIN_S
    for received_s in (old_s, now_s):
        store.command(_INSERT, {"received": int(received_s * 1_000_000)})
    assert rows_of(store, now_s) == 1000, "what is new stays"
    wait_until(lambda: rows_of(store, old_s) == 0, GONE_S_MAX, lambda: "keys of two days ago are still there")
    assert rows_of(store, now_s) == 1000
