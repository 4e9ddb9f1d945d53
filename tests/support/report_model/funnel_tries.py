"""How one person goes through a funnel: tries, each with the events that were its steps.

A try begins with a first step and ends when it converts, when its window is over, or with an excluded event between two
steps. Each further step is the first event of it after the step before; one that is less than GRACE_MS earlier counts
as after it. An event is one step of a try at most.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from tests.support.report_model.project_events import Event

GRACE_MS = 2000

Matches = Callable[[Event], bool]


class Exclusion(NamedTuple):
    """Events that must not be between the steps `begin` and `end`, counted from 0."""

    matches: Matches
    begin: int
    end: int


class Funnel(NamedTuple):
    """`held`: a text of the values that must be the same in all steps. `any_order`: of the steps after the first.
    `optimized`: each first step begins a try."""

    steps: Sequence[Matches]
    window_ms: int
    exclusions: Sequence[Exclusion] = ()
    held: Callable[[Event], str] = lambda _: ""
    any_order: bool = False
    optimized: bool = False


class Try(NamedTuple):
    """`entry`: the event of the first step. `reached`: the events that were the steps, in the order of steps; of time
    where steps come in any order. `end`: the next try begins after this place."""

    entry: Event
    reached: Sequence[Event]
    end: tuple[int, float]


def tries(funnel: Funnel, events: Iterable[Event], begin_ms: int, end_ms: int) -> list[Try]:
    """The tries that begin in a time, in order.

    By default a first step within a try begins none. Where the funnel is optimized each first step begins a try, and
    one with another first step before its second step ends there.
    """
    ordered = sorted(events, key=lambda event: event.place)
    found: list[Try] = []
    for event in reversed(entries(funnel, ordered, begin_ms, end_ms)) if funnel.optimized else []:
        found.insert(0, _restarted(funnel, attempt(funnel, ordered, event), found))
    for event in entries(funnel, ordered, begin_ms, end_ms) if not funnel.optimized else []:
        if not found or event.place > found[-1].end:
            found.append(attempt(funnel, ordered, event))
    return found


def _restarted(funnel: Funnel, own: Try, later: Sequence[Try]) -> Try:
    """The try, or its first step alone if another try with the same held values begins before its second step."""
    held = funnel.held(own.entry)
    begins = [each.entry.place for each in later if funnel.held(each.entry) == held]
    superseded = len(own.reached) > 1 and any(begin < own.reached[1].place for begin in begins)
    return own._replace(reached=own.reached[:1]) if superseded else own


def of_person(funnel: Funnel, own: Sequence[Try]) -> Try:
    """The try that counts where a person counts once: the first; where the funnel is optimized the one that converts
    first, or else the one that comes farthest."""
    if not funnel.optimized:
        return own[0]
    whole = [each for each in own if len(each.reached) == len(funnel.steps)]
    if whole:
        return min(reversed(whole), key=lambda each: each.reached[-1].place)
    return max(own, key=lambda each: len(each.reached))


def entries(funnel: Funnel, ordered: Sequence[Event], begin_ms: int, end_ms: int) -> list[Event]:
    """The events with which a try may begin."""
    return [event for event in ordered if begin_ms <= event.time_ms < end_ms and funnel.steps[0](event)]


def attempt(funnel: Funnel, ordered: Sequence[Event], entry: Event) -> Try:
    """The try that begins with an event."""
    if funnel.any_order:
        return _in_any_order(funnel, ordered, entry)
    end_ms = entry.time_ms + funnel.window_ms
    reached = [entry]
    while len(reached) < len(funnel.steps):
        step = _find(funnel, ordered, funnel.steps[len(reached)], reached, reached[-1].time_ms)
        excluded = _excluded(funnel, ordered, reached, step, end_ms)
        if excluded is not None:
            return Try(entry, reached, excluded.place)
        if step is None:
            return Try(entry, reached, (end_ms, float("inf")))
        reached.append(step)
    return Try(entry, reached, max(event.place for event in reached))


def _in_any_order(funnel: Funnel, ordered: Sequence[Event], entry: Event) -> Try:
    """All steps after the first in any order: each takes the first event of it that no step before it has taken."""
    reached = [entry]
    for matches in funnel.steps[1:]:
        step = _find(funnel, ordered, matches, reached, entry.time_ms)
        reached += [step] if step is not None else []
    whole = len(reached) == len(funnel.steps)
    last = max(event.place for event in reached) if whole else (entry.time_ms + funnel.window_ms, float("inf"))
    return Try(entry, sorted(reached, key=lambda event: event.place), last)


def _find(
    funnel: Funnel, ordered: Sequence[Event], matches: Matches, reached: Sequence[Event], since_ms: int
) -> Event | None:
    """The first event of a step since a time, which no step has taken, and that is in the window of the first."""
    entry = reached[0]
    for event in ordered:
        in_time = since_ms - GRACE_MS < event.time_ms <= entry.time_ms + funnel.window_ms
        if in_time and matches(event) and event not in reached and funnel.held(event) == funnel.held(entry):
            return event
    return None


def _excluded(
    funnel: Funnel, ordered: Sequence[Event], reached: Sequence[Event], step: Event | None, end_ms: int
) -> Event | None:
    """The first excluded event after the last step that was reached, and before the next."""
    before_ms = end_ms if step is None else step.time_ms
    place = len(reached) - 1
    matching = [each.matches for each in funnel.exclusions if each.begin <= place < each.end]
    for event in ordered:
        between = reached[-1].time_ms - GRACE_MS < event.time_ms < before_ms + GRACE_MS
        if between and event not in (*reached, step) and any(matches(event) for matches in matching):
            return event
    return None
