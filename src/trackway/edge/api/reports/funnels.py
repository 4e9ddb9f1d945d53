"""`funnels`: the answer (openapi/query funnels-query)."""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from trackway.edge.api.reports.funnel_parameters import SavedFunnel, loading, read_funnels
from trackway.edge.api.reports.report import Report
from trackway.edge.api.reports.retention import OVERALL
from trackway.edge.api.reports.series import check_size
from trackway.edge.wire.parameter_tables import FUNNELS
from trackway.query.reports.funnel import FunnelNumbers, FunnelQuestion, Step, StepNumbers
from trackway.query.reports.funnels import funnels
from trackway.query.reports.run import Run

NUMBERS: Final = 7
"""Numbers that the answer has for each step."""


async def answer(run: Run, asked: FunnelQuestion | SavedFunnel) -> dict[str, Any]:
    """By bucket the steps and an analysis; with a breakdown the steps by value, and OVERALL for all."""
    assert isinstance(asked, FunnelQuestion), "a saved one was looked up"
    every, values = await funnels(run, asked)
    keys, steps = asked.buckets.keys(), asked.funnel.steps
    check_size(len(values) + 1, len(keys) * len(steps) * NUMBERS)
    return await asyncio.to_thread(_shown, asked, every, values)


def _shown(asked: FunnelQuestion, every: FunnelNumbers, values: Mapping[str, FunnelNumbers]) -> dict[str, Any]:
    keys, steps = asked.buckets.keys(), asked.funnel.steps
    none = [StepNumbers(0)] * len(steps)
    if asked.on is None:
        data: dict[str, Any] = {key: _with_analysis(steps_answer(steps, every.get(key, none))) for key in keys}
    else:
        named = {OVERALL: every, **values}
        data = {key: {name: steps_answer(steps, found.get(key, none)) for name, found in named.items()} for key in keys}
    return {"meta": {"dates": keys}, "data": data}


def steps_answer(steps: Sequence[Step], numbers: Sequence[StepNumbers]) -> list[dict[str, Any]]:
    """The published form of steps. Times are those of all tries, also where persons are counted."""
    first = numbers[0].reached
    return [
        {
            "count": each.reached,
            "avg_time": _seconds(each.since_previous_ms, each.tries) if place else None,
            "avg_time_from_start": _seconds(each.since_first_ms, each.tries) if place else None,
            "step_conv_ratio": _ratio(each.reached, numbers[place - 1].reached) if place else 1,
            "overall_conv_ratio": _ratio(each.reached, first) if place else 1,
            "goal": step.selector.event,
            "event": step.selector.event,
            "step_label": step.label,
            "median_time": each.median_since_previous_s if place and each.tries else None,
            "median_time_from_start": each.median_since_first_s if place and each.tries else None,
        }
        for place, (step, each) in enumerate(zip(steps, numbers, strict=True))
    ]


def _with_analysis(steps: list[dict[str, Any]]) -> dict[str, Any]:
    counts = [step["count"] for step in steps]
    lost = [_ratio(before - after, before) for before, after in pairwise(counts)]
    analysis = {
        "completion": counts[-1],
        "starting_amount": counts[0],
        "steps": len(steps),
        "worst": 1 + lost.index(max(lost)) if lost else 0,
    }
    return {"steps": steps, "analysis": analysis}


def _ratio(count: int, of: int) -> float:
    return count / of if of else 0


def _seconds(sum_ms: int, number: int) -> int | None:
    """The mean in whole seconds; None where nobody came so far."""
    return round(sum_ms / number / 1000) if number else None


FUNNELS_REPORT: Final = Report("funnels", FUNNELS, read_funnels, answer, load=loading)
