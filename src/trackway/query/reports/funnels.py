"""Funnels: how many come from the first step to each further one (docs/reports.md).

The store gives the events of each person in their order, and a thread follows the persons, block by block. Most funnels
are plain, and are followed for many persons at once.
"""

import asyncio
from typing import Final

import msgspec

from trackway.query.reports.funnel import FunnelNumbers, FunnelQuestion
from trackway.query.reports.funnel_events import BITS, choices_of, funnel_events, plain_events
from trackway.query.reports.funnel_person import Path
from trackway.query.reports.funnel_totals import FunnelTotals
from trackway.query.reports.funnel_tries import path_of
from trackway.query.reports.pieces import share_out
from trackway.query.reports.run import Run, Statement

Numbers = tuple[FunnelNumbers, dict[str, FunnelNumbers]]
_COUNTING: Final = 2
"""Threads that count a plain funnel: numpy lets others run most of the time. Of 2.4 million events and on two cores one
took 0.51 s, two 0.41 s and three 0.46 s."""
_NUMBERS: Final = msgspec.msgpack.Decoder(Numbers)


async def funnels(run: Run, asked: FunnelQuestion) -> Numbers:
    """The numbers of all, and those of each value where there is a breakdown. Raises StoreError, and ExpressionError
    for expressions whose SQL is too large."""
    known, path = await run.known(), path_of(asked)
    plain = is_plain(path, asked)
    statement = plain_events(asked, known) if plain else funnel_events(asked, known)
    rule = repr((path, asked.funnel.counted, asked.buckets.keys(), asked.buckets.starts_ms(), asked.limit))
    make = _of_many if plain else _of_each
    return await run.made(statement, rule, _NUMBERS, lambda: make(run, statement, asked, path))


async def _of_many(run: Run, statement: Statement, asked: FunnelQuestion, path: Path) -> Numbers:
    from trackway.query.reports.funnel_arrays import FunnelArrays, all_of  # noqa: PLC0415  numpy costs 30 MB

    counting = [FunnelArrays(asked, path) for _ in range(_COUNTING)]
    async with run.columns(statement) as blocks:
        await share_out(blocks, [each.add for each in counting])
    await asyncio.gather(*(asyncio.to_thread(each.end) for each in counting))
    return await asyncio.to_thread(all_of, counting), {}


async def _of_each(run: Run, statement: Statement, asked: FunnelQuestion, path: Path) -> Numbers:
    totals = FunnelTotals(asked)
    async with run.blocks(statement) as blocks:
        async for rows in blocks:
            await asyncio.to_thread(totals.add, rows)
    return await asyncio.to_thread(lambda: (totals.all(), totals.by_value()))


def is_plain(path: Path, asked: FunnelQuestion) -> bool:
    """Whether a funnel has steps of different events, few enough, in their order, and nothing else."""
    simple = not (path.any_order or path.optimized or any(path.between) or any(path.repeated))
    return simple and not asked.funnel.held and asked.on is None and len(choices_of(asked)) <= BITS
