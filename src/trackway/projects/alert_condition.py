"""The conditions of alerts: values, their JSON text, their bounds, and their words. Pure.

A condition says when an alert fires. `alerts.rules` decides whether it holds.
"""

import math
from typing import Final, Literal

import msgspec

from trackway.domain.errors import InvalidInput, StorageError
from trackway.projects.limits import ALERT_MINUTES_MAX, ALERT_PERIOD_MAX, ALERT_RECORDS_MIN_MAX, ALERT_VALUE_MAX

Kind = Literal["quiet", "rejected", "report"]
Side = Literal["above", "below"]


class Quiet(msgspec.Struct, frozen=True, tag_field="kind", tag="quiet", forbid_unknown_fields=True):
    """No event came in for so many minutes."""

    minutes: int


class Rejected(msgspec.Struct, frozen=True, tag_field="kind", tag="rejected", forbid_unknown_fields=True):
    """More than `percent` of the records of the last `minutes` were rejected, of at least `records_min` records."""

    percent: float
    minutes: int
    records_min: int


class ReportValue(
    msgspec.Struct, frozen=True, tag_field="kind", tag="report", forbid_unknown_fields=True, omit_defaults=True
):
    """A series of a saved report is above or below a value (`alerts.report_value` says which figure counts). `period`
    is that of retention, from 0 on, and None for other reports."""

    report_id: int
    side: Side
    value: float
    period: int | None = None


Condition = Quiet | Rejected | ReportValue
RETENTION: Final = "retention"
REPORT_TYPES: Final = ("insights", "funnels", RETENTION)
"""Types of saved reports that have one figure to compare, of retention in each period."""
_decoder: Final = msgspec.json.Decoder(Condition)


def kind_of(condition: Condition) -> Kind:
    match condition:
        case Quiet():
            return "quiet"
        case Rejected():
            return "rejected"
        case ReportValue():
            return "report"


def encoded(condition: Condition) -> str:
    """The JSON text that `decoded` reads."""
    return msgspec.json.encode(condition).decode()


def decoded(text: str) -> Condition:
    """Raises StorageError for a text that this version cannot have written."""
    try:
        condition: Condition = _decoder.decode(text)
    except msgspec.DecodeError as error:
        raise StorageError(f"projects database holds an alert that cannot be read: {error}") from error
    return condition


def check_condition(condition: Condition) -> Condition:
    """The condition. Raises InvalidInput for a number out of its bounds."""
    match condition:
        case Quiet(minutes):
            _check_whole("minutes", minutes, 1, ALERT_MINUTES_MAX)
        case Rejected(percent, minutes, records_min):
            if not 0 <= percent < 100:  # also refuses NaN
                raise InvalidInput("percent must be a number from 0 to less than 100")
            _check_whole("minutes", minutes, 1, ALERT_MINUTES_MAX)
            _check_whole("records", records_min, 1, ALERT_RECORDS_MIN_MAX)
        case ReportValue(_, _, value, period):
            if not math.isfinite(value) or abs(value) > ALERT_VALUE_MAX:
                raise InvalidInput(f"value must be a number, at most {ALERT_VALUE_MAX:.0e} with either sign")
            if period is not None:
                _check_whole("period", period, 0, ALERT_PERIOD_MAX)
    return condition


def check_compares(condition: ReportValue, report_type: str) -> None:
    """Raise InvalidInput for a condition that does not fit reports of this type."""
    if report_type not in REPORT_TYPES:
        reason = "have no single figure: save a funnel of the same events" if report_type == "flows" else "do not"
        raise InvalidInput(f"an alert compares reports of the types {', '.join(REPORT_TYPES)}; {report_type} {reason}")
    if report_type == RETENTION and condition.period is None:
        raise InvalidInput("name the period of retention to compare: 7 is day 7 where its periods are days")
    if report_type != RETENTION and condition.period is not None:
        raise InvalidInput(f"only retention has periods: leave the period of a report of type {report_type} empty")


def condition_text(condition: Condition, report_name: str = "") -> str:
    """The condition in words, in English, as pages and messages show it."""
    match condition:
        case Quiet(minutes):
            return f"no events for {_minutes(minutes)}"
        case Rejected(percent, minutes, records_min):
            return f"more than {percent:g} % of at least {records_min} records rejected in {_minutes(minutes)}"
        case ReportValue(report_id, side, value, period):
            of = "" if period is None else f", period {period},"
            return f"{report_name or f'report {report_id}'}{of} {side} {value:.15g}"


def _minutes(minutes: int) -> str:
    return "1 minute" if minutes == 1 else f"{minutes} minutes"


def _check_whole(name: str, value: int, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise InvalidInput(f"{name} must be a whole number from {lowest} to {highest}")
