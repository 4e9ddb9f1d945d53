"""What resolving ids adds to an export and to a count by user: ten million events, of which a million links tell whose
they are.

Both statements are those of the product, asked of a store process of its own, once as of a project without any link
and once with what there is; the quotient of the two times is the figure. The events are made by the store itself: only
how they are read is measured. Most devices have a user, whom four in ten of their events name; the others are known
by their device alone, so that more than half of all events belong to somebody else than they were stored for.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, closing
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple

from bench.plan import Plan
from bench.stores import running_store, wait_merged
from trackway.query.export import ExportQuery, export_lines, export_sql
from trackway.query.reports.users import count_by_user, count_by_user_sql
from trackway.query.sql.person import Known
from trackway.store.client import Store
from trackway.store.reader import Reader
from trackway.store.workload import EXPORT

_PROJECT: Final = 7
_DAYS: Final = (date(2026, 1, 1), date(2026, 1, 31))
_QUERY: Final = ExportQuery(_PROJECT, *_DAYS, None, None, time_in_ms=False, deduplicated=True)
_PIECE_EVENTS: Final = 250_000
"""So many in an INSERT: more would not fit into the memory of one statement."""
_NO_LINKS: Final = Known(links=False)
_Ask = Callable[[], AbstractAsyncContextManager[AsyncIterator[bytes]]]

_DEVICE: Final = "lower(concat(hex(sipHash64(toUInt64(person))), hex(cityHash64(toUInt64(person)))))"
_EVENTS: Final = """
INSERT INTO events (project_id, received, endpoint, time, event, distinct_id, insert_id, device_id, user_id, properties)
SELECT {project:UInt32}, now64(6), 2,
    toDateTime64('2026-01-01 00:00:00', 3, 'UTC') + toIntervalMillisecond(intDiv(number * 2500000000, {events:UInt64})),
    ['Page View', 'Product Viewed', 'Cart Opened', 'Paid'][1 + cityHash64(number) % 4],
    if(user = '', concat('$device:', device), user), hex(sipHash64(number)), device, user,
    concat('{"$os":"Mac OS X","$browser":"Chrome","$current_url":"https://shop.example.com/products/',
        toString(number % 9973), '","$device_id":"', device, '","price":', toString(number % 500),
        ',"$referrer":"https://www.google.com/","$screen_height":1080,"$screen_width":1920,"mp_lib":"web",',
        '"$lib_version":"2.83.0","$browser_version":131,"Search":"', hex(sipHash64(number, 1)), '","Plan":"Pro"}')
FROM (
    SELECT number, cityHash64(number) % {devices:UInt64} AS person, [device] AS device,
        if(person < {links:UInt64} AND sipHash64(number) % 10 < 4, concat('user-', toString(person)), '') AS user
    FROM numbers({first:UInt64}, {piece:UInt64})
) SETTINGS max_threads = 1, max_block_size = 65536, min_insert_block_size_rows = 262144""".replace("[device]", _DEVICE)
"""In the order of time, so that hardly two parts are of the same day, as if they had been merged for long."""
_LINKS: Final = """
INSERT INTO identity_links (project_id, id, applied, canonical_id, rank, sequence, kind, made, reason)
SELECT {project:UInt32}, concat('$device:', [device]), 0, concat('user-', toString(person)),
    9223372036854775807 - person, person + 1, 1, now64(6), ''
FROM (SELECT number AS person FROM numbers({links:UInt64}))""".replace("[device]", _DEVICE)


class Resolving(NamedTuple):
    """How much longer each takes with ids resolved than without: quotients of seconds."""

    export_ratio: float
    count_ratio: float


def measure_resolving(plan: Plan, work: Path) -> list[Resolving]:
    """One of each round. Raises RuntimeError when an event is missing from an answer."""
    with running_store(work / "identity") as store:
        _fill(store, plan)
        with closing(Reader(store.url, EXPORT)) as reader:
            return [_measure(reader, plan) for _ in range(plan.rounds)]


def _fill(store: Store, plan: Plan) -> None:
    """All events and links; returns once the store merges no more parts."""
    sizes = {"events": plan.resolved_events, "links": plan.links, "devices": plan.links * 5 // 4, "project": _PROJECT}
    for first in range(0, plan.resolved_events, _PIECE_EVENTS):
        piece = min(_PIECE_EVENTS, plan.resolved_events - first)
        store.command(_EVENTS, {**sizes, "first": first, "piece": piece})
    store.command(_LINKS, sizes)
    wait_merged(store)


def _measure(reader: Reader, plan: Plan) -> Resolving:
    return Resolving(
        _quotient(lambda: export_lines(reader, _QUERY), lambda: _plain_export(reader), plan.resolved_events),
        _quotient(lambda: count_by_user(reader, _PROJECT, *_DAYS), lambda: _plain_count(reader)),
    )


def _quotient(resolved: _Ask, plain: _Ask, lines: int | None = None) -> float:
    """Each twice, in an order that reads the same backwards: a machine slowing down weighs on both alike."""
    first_s = _seconds(resolved, lines)
    plain_s = _seconds(plain, lines) + _seconds(plain, lines)
    return (first_s + _seconds(resolved, lines)) / plain_s


def _plain_export(reader: Reader) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
    return reader.stream(_PROJECT, *export_sql(_QUERY, _NO_LINKS))


def _plain_count(reader: Reader) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
    sql, parameters = count_by_user_sql(_PROJECT, *_DAYS, _NO_LINKS)
    return reader.stream(_PROJECT, sql, parameters, "JSONCompactEachRow")


def _seconds(ask: _Ask, lines: int | None) -> float:
    """From asking to the last byte. Raises RuntimeError when there are other than so many lines."""

    async def count() -> int:
        async with ask() as pieces:
            return sum([piece.count(b"\n") async for piece in pieces])

    began_s = time.monotonic()
    found = asyncio.run(count())
    if lines not in (None, found):
        raise RuntimeError(f"{found:,} of {lines:,} events were exported")
    return time.monotonic() - began_s
