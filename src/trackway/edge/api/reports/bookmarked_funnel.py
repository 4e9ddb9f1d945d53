"""The answer to a bookmark for funnels, as Mixpanel's query SDK reads it."""

import asyncio
from typing import Any

from trackway.edge.api.reports.bookmarks.funnels import FunnelAsked
from trackway.edge.api.reports.funnels import NUMBERS, steps_answer
from trackway.edge.api.reports.retention import OVERALL
from trackway.edge.api.reports.series import check_size
from trackway.query.reports.axis import ALL, Axis
from trackway.query.reports.funnel import FunnelNumbers, StepNumbers
from trackway.query.reports.funnels import funnels
from trackway.query.reports.run import Run

_NUMBERS = ("count", "step_conv_ratio", "overall_conv_ratio", "avg_time", "avg_time_from_start")


async def funnel_series(run: Run, asked: FunnelAsked) -> dict[str, Any]:
    """Numbers by step, `{"count": {"1. View": {"all": 3}, …}, …}`; over time such numbers by instant. With a breakdown
    this by value, and OVERALL for all."""
    every, values = await funnels(run, asked.question)
    buckets, steps = asked.question.buckets.keys(), asked.question.funnel.steps
    check_size(len(values) + 1, len(buckets) * len(steps) * NUMBERS)
    if asked.question.on is None:
        return {asked.name: _shown(asked, every)}
    named = {OVERALL: every} | values
    return {asked.name: await asyncio.to_thread(lambda: {name: _shown(asked, named[name]) for name in named})}


def _shown(asked: FunnelAsked, found: FunnelNumbers) -> dict[str, Any]:
    axis, keys = Axis(asked.question.buckets), asked.question.buckets.keys()
    if asked.over_time:
        return {axis.instant(key): _numbers(asked, found, key) for key in keys}
    [only] = keys
    return _numbers(asked, found, only)


def _numbers(asked: FunnelAsked, found: FunnelNumbers, key: str) -> dict[str, Any]:
    steps = asked.question.funnel.steps
    answers = steps_answer(steps, found.get(key, [StepNumbers(0)] * len(steps)))
    names = [f"{number}. {step.label}" for number, step in enumerate(steps, 1)]
    return {
        number: {name: {ALL: each[number]} for name, each in zip(names, answers, strict=True)} for number in _NUMBERS
    }
