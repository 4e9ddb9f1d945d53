"""When the condition of an alert holds, and what follows from it. Pure: counts, figures and times arrive.

What cannot be known changes nothing: an alert that fires goes on to fire, and no other begins.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from trackway.projects.alert import MessageKind
from trackway.projects.alert_condition import Quiet, Rejected, ReportValue

_MINUTE_S = 60


class Found(NamedTuple):
    """What a look found: whether the condition holds, None when that is unknown, and the reason in words."""

    holds: bool | None
    observed: str


def quiet(condition: Quiet, watched_from_ms: int, latest_s: int | None, now_ms: int) -> Found:
    """`latest_s`: the begin of the minute in which the last event came in, None where none did in the condition's time.
    Silence counts from the end of that minute, and from `watched_from_ms` at the earliest."""
    begin_ms = watched_from_ms if latest_s is None else max(watched_from_ms, (latest_s + _MINUTE_S) * 1000)
    holds = now_ms - begin_ms >= condition.minutes * _MINUTE_S * 1000
    if latest_s is None:
        return Found(holds, "no event came in in that time")
    last = datetime.fromtimestamp(latest_s, UTC)
    return Found(holds, f"the last event came in at {last:%Y-%m-%d %H:%M} UTC")


def rejected(condition: Rejected, received: int, rejected: int) -> Found:
    """The records that came in in the condition's minutes, and how many of them were rejected."""
    if received < condition.records_min:
        return Found(False, f"{received} records came in, fewer than {condition.records_min}")
    percent = 100 * rejected / received
    return Found(percent > condition.percent, f"{rejected} of {received} records were rejected ({percent:.3g} %)")


def report_value(condition: ReportValue, figures: Mapping[str, float | None], of: str) -> Found:
    """`figures`: the figure of each series that counts, None where there was nothing to measure. `of` says which time
    they are of. One series that is above (or below) the value is enough."""
    known = {name: figure for name, figure in figures.items() if figure is not None}
    if not known:
        return Found(None, f"the report has no figure for {of}")
    pick = max if condition.side == "above" else min
    name = pick(known, key=lambda each: known[each])
    figure = known[name]
    holds = figure > condition.value if condition.side == "above" else figure < condition.value
    return Found(holds, f"{name} is {figure:.15g} ({of})")


def change_of(is_firing: bool, holds: bool | None) -> MessageKind | None:
    """The state that begins, None when nothing changes."""
    if holds is None or holds is is_firing:
        return None
    return "firing" if holds else "resolved"
