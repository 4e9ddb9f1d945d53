"""Label values in bounded number. Texts and ids that clients choose must not make metrics without end."""

import re
from functools import lru_cache
from typing import Final

from trackway.telemetry.limits import METRIC_PARAMETERS_MAX, METRIC_REASONS_MAX, RATE_PROJECTS_TOLD_MAX

OTHER: Final = "other"
"""The label of everything beyond the bound."""

_PARAMETER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,39}")
_QUOTED: Final = re.compile(r"'[^']*'")

_projects: set[int] = set()
_parameters: set[tuple[str, str]] = set()
_reasons: set[str] = set()


def of_project(project_id: int) -> str:
    """The project's id."""
    if len(_projects) < RATE_PROJECTS_TOLD_MAX:
        _projects.add(project_id)
    return str(project_id) if project_id in _projects else OTHER


def of_parameter(endpoint: str, name: str) -> str:
    """The name of a parameter of an endpoint, if it is short and plain."""
    pair = (endpoint, name)
    if pair not in _parameters and _PARAMETER.fullmatch(name) and len(_parameters) < METRIC_PARAMETERS_MAX:
        _parameters.add(pair)
    return name if pair in _parameters else OTHER


@lru_cache(maxsize=1024)
def of_reason(reason: str) -> str:
    """`'properties.time' is invalid: must not be missing` → `is invalid: must not be missing`."""
    label = _QUOTED.sub("", reason).strip()[:100]
    if label not in _reasons and len(_reasons) >= METRIC_REASONS_MAX:
        return OTHER
    _reasons.add(label)
    return label


def forget() -> None:
    """Begin anew, for metrics that are made again."""
    _projects.clear()
    _parameters.clear()
    _reasons.clear()
    of_reason.cache_clear()
