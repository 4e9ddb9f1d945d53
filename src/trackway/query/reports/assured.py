"""A report that begins with what the store had, while it is looked at what the store has.

The look takes a fifth of the time of a small question. Where nothing has changed for a while, it most likely has not
changed now, either. So the report is made beside the look. It counts if the look gives the same parts: a part never
changes, so that the report read what it would have read after the look. Else it is made anew.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from trackway.query.facts_state import Parts, parts_before, parts_now
from trackway.query.mapped_tables import Mapped
from trackway.query.reports.run import Run
from trackway.store.reader import Reader

Made = TypeVar("Made")


def answered(
    reader: Reader, project_id: int, mapped: Sequence[Mapped], answer: Callable[[Run], Awaitable[Made]]
) -> Awaitable[Made]:
    """What `answer` makes with a run of a project whose results are kept. Otherwise as `assured`."""
    return assured(
        reader, project_id, lambda parts: answer(Run(reader, project_id, mapped, reader.results, parts=parts))
    )


async def assured(reader: Reader, project_id: int, make: Callable[[Parts | None], Awaitable[Made]]) -> Made:
    """What `make` makes of the parts that the store has, or of none where it is to look itself. It may be called twice,
    and be cancelled the first time. Raises as `make`, and StoreError."""
    assumed = parts_before(reader, project_id)
    if assumed is None:
        return await make(None)
    looking = asyncio.ensure_future(parts_now(reader, project_id))
    making = asyncio.ensure_future(make(assumed))
    try:
        now = await looking
        if now == assumed:
            return await making
    finally:
        await _end(looking, making)
    return await make(now)


async def _end(*tasks: "asyncio.Future[Any]") -> None:
    """Cancel tasks, and wait until they are done. What they raise is of no interest any more."""
    for each in tasks:
        each.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
