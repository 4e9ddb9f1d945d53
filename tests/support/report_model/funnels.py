"""`funnels`: how many come from the first step to each further one, by the day of the first."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import chain, pairwise
from statistics import mean, median_high
from typing import Any, NamedTuple

from tests.support.report_model.clock import Buckets
from tests.support.report_model.funnel_tries import Exclusion, Funnel, Matches, Try, of_person, tries
from tests.support.report_model.measures import grouped
from tests.support.report_model.project_events import (
    NO_PERSON,
    OVERALL,
    UNDEFINED_KEY,
    Event,
    ProjectEvents,
    property_of,
)

SECONDS_OF = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}

Step = Mapping[str, str]
"""`event`, and perhaps `where` and `label`."""
Run = Sequence[Sequence[Try]]
"""The tries that begin in one bucket, by person."""


def funnels(
    project: ProjectEvents,
    *,
    events: Sequence[Step],
    from_date: date,
    to_date: date,
    length: int = 14,
    length_unit: str = "day",
    unit: str = "day",
    interval: int | None = None,
    on: str | None = None,
    where: str | None = None,
    limit: int = 255,
    count_type: str = "unique",
    order: str = "loose",
    reentry: str = "first",
    exclusions: Sequence[Mapping[str, Any]] = (),
    hold_constant: Sequence[str] = (),
) -> dict[str, Any]:
    """One run for each bucket, so a person may enter in each."""
    breakdowns = [*map(property_of, hold_constant), *([on] if on else [])]
    project = _in_order(project, events, exclusions, where, breakdowns)
    buckets = Buckets(project.clock, from_date, to_date, unit, interval)
    funnel = Funnel(
        [_matches(project, step, where) for step in events],
        length * SECONDS_OF[length_unit] * 1000,
        [_exclusion(project, each, len(events)) for each in exclusions],
        lambda event: repr([project.keys(event, property_of(name)) for name in hold_constant]),
        order == "any",
        reentry == "optimized",
    )
    own = grouped(project.events, lambda event: [event.person] if event.person != NO_PERSON else [])
    runs: dict[str, Run] = {}
    for key, span in buckets.spans().items():
        runs[key] = [found for each in own.values() if (found := tries(funnel, each, *span))]
    steps = _Steps(events, funnel, count_type == "unique")
    if on is None:
        data: Any = {key: _with_analysis(steps.of(run)) for key, run in runs.items()}
    else:
        data = _segments(project, steps, runs, on, limit)
    return {"meta": {"dates": buckets.keys}, "data": data}


def _in_order(
    project: ProjectEvents, steps: Sequence[Step], exclusions: Sequence[Step], where: str | None, by: Sequence[str]
) -> ProjectEvents:
    """The same events; those of one time are in the order of the steps and exclusions that they are, then of values."""
    different = {(step["event"], step.get("where"), True): _matches(project, step, where) for step in steps}
    different |= {(each["event"], each.get("where"), False): _matches(project, each, None) for each in exclusions}
    matching = list(different.values())

    def place(event: Event) -> tuple[int, int, list[list[str]]]:
        bits = sum(1 << number for number, matches in enumerate(matching) if matches(event))
        return event.time_ms, bits, [project.keys(event, each) for each in by]

    ordered = sorted(project.events, key=place)
    return replace(project, events=[replace(event, number=number) for number, event in enumerate(ordered)])


def _matches(project: ProjectEvents, step: Step, where: str | None) -> Matches:
    matching = {
        id(event) for event in project.matching(step["event"], step.get("where")) if project.meets(event, where)
    }
    return lambda event: id(event) in matching


def _exclusion(project: ProjectEvents, asked: Mapping[str, Any], steps: int) -> Exclusion:
    between = asked.get("steps", {"from": 1, "to": steps})
    return Exclusion(_matches(project, asked, None), between["from"] - 1, between["to"] - 1)


class _Steps(NamedTuple):
    """The steps of an answer. `unique`: each person counts once."""

    asked: Sequence[Step]
    funnel: Funnel
    unique: bool

    def counts(self, run: Run) -> list[int]:
        """How many came to each step."""
        counted = [of_person(self.funnel, own) for own in run] if self.unique else list(chain(*run))
        return [sum(len(each.reached) > step for each in counted) for step in range(len(self.asked))]

    def of(self, run: Run) -> list[dict[str, Any]]:
        """The steps; times are those of all tries, also where a person counts once."""
        counts, every = self.counts(run), list(chain(*run))
        return [
            {
                "count": count,
                "avg_time": _seconds(_mean, every, number, number - 1),
                "avg_time_from_start": _seconds(_mean, every, number, 0),
                "step_conv_ratio": _ratio(count, counts[number - 1]) if number else 1,
                "overall_conv_ratio": _ratio(count, counts[0]) if number else 1,
                "goal": step["event"],
                "event": step["event"],
                "step_label": step.get("label", step["event"]),
                "median_time": _seconds(_median, every, number, number - 1),
                "median_time_from_start": _seconds(_median, every, number, 0),
            }
            for number, (step, count) in enumerate(zip(self.asked, counts, strict=True))
        ]


def _segments(
    project: ProjectEvents, steps: _Steps, runs: Mapping[str, Run], on: str, limit: int
) -> dict[str, dict[str, Any]]:
    """By bucket, the steps of all persons and those of each value; the values are those with most entries."""
    by_value = {key: _by_value(project, run, on) for key, run in runs.items()}
    entered = Counter[str]()
    for found in by_value.values():
        entered.update({value: steps.counts(run)[0] for value, run in found.items()})
    shown = sorted(entered, key=lambda value: (-entered[value], value))[:limit]
    return {
        key: {OVERALL: steps.of(run)} | {value: steps.of(by_value[key].get(value, [])) for value in shown}
        for key, run in runs.items()
    }


def _by_value(project: ProjectEvents, run: Run, on: str) -> dict[str, Run]:
    """The same tries by the values of each."""
    found: dict[str, list[Sequence[Try]]] = {}
    for own in run:
        by_value: dict[str, list[Try]] = {}
        for each in own:
            for value in _values(project, each, on):
                by_value.setdefault(value, []).append(each)
        for value, of_value in by_value.items():
            found.setdefault(value, []).append(of_value)
    return dict(found)


def _values(project: ProjectEvents, each: Try, on: str) -> list[str]:
    """The values of a try: those of the first of its steps that has one."""
    of_steps = (project.keys(event, on) for event in each.reached)
    return next((keys for keys in of_steps if keys != [UNDEFINED_KEY]), [UNDEFINED_KEY])


def _ratio(count: int, of: int) -> float:
    return count / of if of else 0


def _mean(times_ms: list[int]) -> int:
    """In whole seconds, to the nearest."""
    return round(mean(times_ms) / 1000)


def _median(times_ms: list[int]) -> int:
    """The median, to the nearest second; of two in the middle the longer."""
    return median_high(round(time / 1000) for time in times_ms)


def _seconds(combined: Callable[[list[int]], int], every: Sequence[Try], step: int, since: int) -> int | None:
    """The mean or median time of all tries between two steps, in whole seconds; None for the first step, and where
    nobody came so far."""
    came = [each.reached for each in every if len(each.reached) > step > 0]
    times = [max(reached[step].time_ms - reached[since].time_ms, 0) for reached in came]
    return combined(times) if times else None


def _with_analysis(steps: list[dict[str, Any]]) -> dict[str, Any]:
    counts = [step["count"] for step in steps]
    drops = [_ratio(before - after, before) for before, after in pairwise(counts)]
    analysis = {
        "completion": counts[-1],
        "starting_amount": counts[0],
        "steps": len(steps),
        "worst": 1 + drops.index(max(drops)) if drops else 0,
    }
    return {"steps": steps, "analysis": analysis}
