"""The form of an alert: its fields as what is wanted, and what is wanted as fields. Pure."""

import re
from collections.abc import Mapping
from typing import Final

from starlette.datastructures import FormData

from trackway.domain.errors import InvalidInput
from trackway.projects.alert import Alert, Wanted, check_emails, check_webhook_url
from trackway.projects.alert_condition import Condition, Kind, Quiet, Rejected, ReportValue, Side
from trackway.web.forms import text

KINDS: Final[Mapping[Kind, str]] = {
    "quiet": "No events come in",
    "rejected": "Many records are rejected",
    "report": "A saved report is above or below a value",
}
"""The kinds of conditions, as a page offers them."""
SIDES: Final[tuple[tuple[Side, str], ...]] = (("above", "is above"), ("below", "is below"))
_DEFAULTS: Final[Mapping[str, str]] = {
    "name": "",
    "minutes": "30",
    "percent": "5",
    "records": "100",
    "report": "",
    "side": "below",
    "value": "",
    "period": "",
    "webhook": "",
    "emails": "",
    "tells_end": "1",
}
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,18}(?:\.[0-9]{0,9})?")
_WHOLE: Final = re.compile(r"[0-9]{1,10}")


def kind_named(name: str) -> Kind | None:
    """The kind of that name."""
    return next((kind for kind in KINDS if kind == name), None)


def empty_fields() -> dict[str, str]:
    """The fields of a new alert."""
    return dict(_DEFAULTS)


def fields_of(alert: Alert) -> dict[str, str]:
    """The fields that give this alert."""
    fields = {
        **_DEFAULTS,
        "name": alert.name,
        "webhook": alert.webhook_url,
        "emails": ", ".join(alert.emails),
        "tells_end": "1" if alert.tells_end else "",
    }
    match alert.condition:
        case Quiet(minutes):
            fields["minutes"] = str(minutes)
        case Rejected(percent, minutes, records_min):
            fields |= {"percent": f"{percent:g}", "minutes": str(minutes), "records": str(records_min)}
        case ReportValue(report_id, side, value, period):
            of = "" if period is None else str(period)
            fields |= {"report": str(report_id), "side": side, "value": f"{value:.15g}", "period": of}
    return fields


def given_fields(form: FormData) -> dict[str, str]:
    """The fields as somebody filled them in, for the form that is shown again."""
    return {name: text(form, name) for name in _DEFAULTS}


def wanted_of(form: FormData, kind: Kind, link: str) -> Wanted:
    """What a form wants. Raises InvalidInput, which names the field."""
    return Wanted(
        name=text(form, "name").strip(),
        condition=_condition(form, kind),
        webhook_url=check_webhook_url(text(form, "webhook").strip()),
        emails=check_emails(text(form, "emails")),
        tells_end=text(form, "tells_end") == "1",
        link=link,
    )


def _condition(form: FormData, kind: Kind) -> Condition:
    match kind:
        case "quiet":
            return Quiet(_whole(form, "minutes"))
        case "rejected":
            return Rejected(_number(form, "percent"), _whole(form, "minutes"), _whole(form, "records"))
        case "report":
            side = next((side for side, _ in SIDES if side == text(form, "side")), None)
            if side is None:
                raise InvalidInput("choose whether the report is above or below the value")
            period = _whole(form, "period") if text(form, "period").strip() else None
            return ReportValue(_report(form), side, _number(form, "value"), period)


def _report(form: FormData) -> int:
    given = text(form, "report")
    if not _WHOLE.fullmatch(given):
        raise InvalidInput("choose a saved report")
    return min(int(given), 2**31 - 1)


def _whole(form: FormData, name: str) -> int:
    given = text(form, name).strip()
    if not _WHOLE.fullmatch(given):
        raise InvalidInput(f"{name} must be a whole number")
    return int(given)


def _number(form: FormData, name: str) -> float:
    given = text(form, name).strip()
    if not _NUMBER.fullmatch(given):
        raise InvalidInput(f"{name} must be a number such as 12.5")
    return float(given)
