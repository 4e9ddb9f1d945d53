"""Every report of the model by its path below `/api/query/`, and the parameters as both sides take them."""

import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from tests.support.report_model import addiction, event_reports, flows, funnels, retention, segmentation
from tests.support.report_model.project_events import ProjectEvents

Report = Callable[..., Any]
REPORTS: Mapping[str, Report] = {
    "segmentation": segmentation.segmentation,
    "segmentation/multiseg": segmentation.multiseg,
    "segmentation/numeric": segmentation.numeric,
    "segmentation/sum": segmentation.sums,
    "segmentation/average": segmentation.averages,
    "events": event_reports.events,
    "events/top": event_reports.top_events,
    "events/names": event_reports.names,
    "events/properties": event_reports.properties,
    "events/properties/top": event_reports.top_properties,
    "events/properties/values": event_reports.property_values,
    "funnels": funnels.funnels,
    "arb_funnels": flows.flows,
    "retention": retention.retention,
    "retention/addiction": addiction.addiction,
}

Parameters = Mapping[str, Any]
"""By the names of the wire; dates are `date`, lists and objects are what their JSON says."""


def answer(path: str, project: ProjectEvents, parameters: Parameters) -> Any:
    """What the report must answer."""
    return REPORTS[path](project, **parameters)


def wire(parameters: Parameters) -> dict[str, str]:
    """The parameters as texts."""
    return {name: _text(value) for name, value in parameters.items()}


def _text(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    return value if isinstance(value, str) else json.dumps(value)
