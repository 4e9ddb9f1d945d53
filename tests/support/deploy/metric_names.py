"""The metrics that rules of Prometheus and panels of Grafana name."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

DEPLOY: Final = Path(__file__).parents[3] / "deploy"
RULES: Final = DEPLOY / "prometheus/trackway.rules.yml"
DASHBOARD: Final = DEPLOY / "grafana/trackway.json"
_NAME: Final = re.compile(r"\btrackway_[a-z_]+")


def rules() -> list[dict[str, Any]]:
    found: dict[str, Any] = yaml.safe_load(RULES.read_text())
    return [rule for group in found["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def expressions() -> Iterator[str]:
    """All of them, of rules, panels and variables."""
    yield from (rule["expr"] for rule in rules())
    yield from (target["expr"] for panel in panels() for target in panel["targets"])
    yield from re.findall(r"label_values\([^)]*\)", DASHBOARD.read_text())


def metric_names() -> set[str]:
    return {name for expression in expressions() for name in _NAME.findall(expression)}
