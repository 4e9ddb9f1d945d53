"""The rules fire where they should and are quiet elsewhere: promtool judges them, as an operator's Prometheus does."""

import json
import subprocess

import yaml

from tests.support.deploy.metric_names import DASHBOARD, DEPLOY, panels, rules

FOLDER = DEPLOY / "prometheus"
TESTS = FOLDER / "trackway.rules.test.yml"


def promtool(*arguments: str) -> None:
    done = subprocess.run(["promtool", *arguments], cwd=FOLDER, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_reads_the_rules_and_the_configuration() -> None:
    promtool("check", "rules", "trackway.rules.yml")
    promtool("check", "config", "prometheus.yml")


def test_each_rule_fires_where_it_should_and_is_quiet_elsewhere() -> None:
    promtool("test", "rules", "trackway.rules.test.yml")


def test_each_rule_is_tested_in_both_states() -> None:
    checks = [check for test in yaml.safe_load(TESTS.read_text())["tests"] for check in test["alert_rule_test"]]
    names = sorted(rule["alert"] for rule in rules())
    assert sorted(check["alertname"] for check in checks if check["exp_alerts"]) == names
    assert sorted(check["alertname"] for check in checks if not check["exp_alerts"]) == names


def test_panels_of_the_dashboard_have_places_of_their_own() -> None:
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels()]
    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in panels()}) == len(places)
    assert json.loads(DASHBOARD.read_text())["uid"] == "trackway"
