"""The time that a run lets the store work on a result that is read block by block."""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, cast

import pytest

from trackway.query.limits import REPORT_BLOCKS_S_MAX
from trackway.query.reports.run import Run, Statement
from trackway.store.reader import Reader


class Asked:
    """A reader that keeps how long each stream may take."""

    def __init__(self) -> None:
        self.times_s: list[float] = []

    def stream(self, *_: Any, time_s: float) -> AbstractAsyncContextManager[Any]:
        self.times_s.append(time_s)
        return nullcontext()

    columns = stream


@pytest.mark.parametrize(("options", "time_s"), [({}, REPORT_BLOCKS_S_MAX), ({"blocks_s_max": 15.0}, 15.0)])
def test_a_run_gives_its_time_to_each_stream(options: dict[str, float], time_s: float) -> None:
    asked = Asked()
    run = Run(cast(Reader, asked), 1, **cast(dict[str, Any], options))

    async def ask() -> None:
        async with run.blocks(Statement("SELECT 1", {})):
            pass

    asyncio.run(ask())
    run.columns(Statement("SELECT 2", {}))
    assert asked.times_s == [time_s, time_s]
    assert [each.sql for each in run.statements] == ["SELECT 1", "SELECT 2"]
