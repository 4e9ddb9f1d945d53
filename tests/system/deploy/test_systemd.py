"""The unit is one that systemd accepts, and it closes what a server does not need."""

import configparser
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.command_line import TRACKWAY
from tests.support.deploy.metric_names import DEPLOY
from trackway.domain.limits import STOP_S_MAX
from trackway.settings.table import ROWS_BY_NAME

UNIT = DEPLOY / "systemd/trackway.service"
EXPOSURE_MAX = 2.0
"""Of 10. What is left: the network, its own account, and CAP_SYS_NICE."""


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that is there: a missing one is a fault."""
    copy = tmp_path / UNIT.name
    text = UNIT.read_text()
    assert text.count("/opt/trackway/bin/trackway") == 1
    copy.write_text(text.replace("/opt/trackway/bin/trackway", TRACKWAY))
    return copy


def test_systemd_accepts_the_unit(unit: Path) -> None:
    done = analyze("verify", "--man=no", str(unit))
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "trackway" in line]
    assert ours == [] and done.returncode == 0, done.stderr


def test_systemd_finds_little_exposed(unit: Path) -> None:
    done = analyze("security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE_MAX * 10:.0f}", str(unit))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


def test_a_stop_has_time_for_all_that_the_server_waits_for() -> None:
    service = configparser.RawConfigParser(strict=False)
    service.read_string(UNIT.read_text())
    stop_s = int(service["Service"]["TimeoutStopSec"])
    assert stop_s > int(str(ROWS_BY_NAME["shutdown_grace_s"].default)) + 3 * STOP_S_MAX + 10


def test_the_unit_sets_only_settings_that_there_are() -> None:
    named = re.findall(r"TRACKWAY_([A-Z_]+)=", UNIT.read_text())
    assert named and {name.lower() for name in named} <= set(ROWS_BY_NAME)
