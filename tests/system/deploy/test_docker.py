"""The image and the compose files are well-formed, name settings that there are, and keep to what the server needs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.command_line import commands_by_name
from tests.support.deploy.metric_names import DEPLOY
from trackway.domain.limits import STOP_S_MAX
from trackway.settings.table import ROWS_BY_NAME

FOLDER = DEPLOY / "docker"
DOCKERFILE = (FOLDER / "Dockerfile").read_text()
COMPOSE = sorted(FOLDER.glob("compose*.yaml"))
OTHERS = {"TRACKWAY_SITE", "TRACKWAY_UPSTREAMS", "TRACKWAY_PASSWORD"}
"""Variables of the examples that are no settings."""


def tool(name: str, *arguments: str) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name(name)), *arguments], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def services(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())["services"]
    return found


def test_hadolint_finds_nothing() -> None:
    tool("hadolint", str(FOLDER / "Dockerfile"))


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_compose_files_follow_the_specification(path: Path) -> None:
    tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(path))


def test_every_image_is_pinned_by_a_version() -> None:
    images = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    images += [each["image"] for path in COMPOSE for each in services(path).values() if "build" not in each]
    assert len(images) > 5
    assert [name for name in images if not re.fullmatch(r"[a-z/-]+:[0-9]+\.[0-9][\w.-]*", name)] == []


def test_the_image_runs_as_an_account_without_rights_and_can_be_probed() -> None:
    last = DOCKERFILE.rpartition("FROM ")[2]
    assert re.search(r"^USER [1-9][0-9]*:[1-9][0-9]*$", last, re.MULTILINE)
    [probe] = re.findall(r"^HEALTHCHECK .* CMD (\[.*\])$", last, re.MULTILINE)
    program, name, flag = json.loads(probe)
    assert program == "trackway" and flag in {opt for each in commands_by_name()[name].params for opt in each.opts}
    assert 'ENTRYPOINT ["trackway"]\nCMD ["serve"]' in last


def test_only_settings_that_there_are_are_set() -> None:
    texts = [DOCKERFILE, *(path.read_text() for path in COMPOSE)]
    named = {name for text in texts for name in re.findall(r"TRACKWAY_[A-Z_]+", text)} - OTHERS
    assert len(named) > 5
    assert {name for name in named if name.removeprefix("TRACKWAY_").lower() not in ROWS_BY_NAME} == set()


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_servers_have_time_to_stop_a_volume_and_a_proxy_that_they_trust(path: Path) -> None:
    networks = yaml.safe_load(path.read_text())["networks"]["inside"]["ipam"]["config"]
    ours = [each for each in services(path).values() if "build" in each]
    assert ours
    for each in ours:
        grace_s = int(each["stop_grace_period"].removesuffix("s"))
        assert grace_s > int(str(ROWS_BY_NAME["shutdown_grace_s"].default)) + 3 * STOP_S_MAX
        assert each["environment"]["TRACKWAY_TRUSTED_PROXIES"] == networks[0]["subnet"]
        assert any(volume.endswith(":/var/lib/trackway") for volume in each["volumes"])
        assert each["read_only"] and each["cap_drop"] == ["ALL"] and "ports" not in each


def test_nats_understands_its_configuration(tmp_path: Path) -> None:
    """As compose gives it: two dollars are one."""
    content = yaml.safe_load((FOLDER / "compose.cluster.yaml").read_text())["configs"]["nats"]["content"]
    assert "sync_interval: always" in content
    file = tmp_path / "trackway.conf"
    file.write_text(content.replace("$$", "$").replace("/var/lib/nats", str(tmp_path)))
    variables = {"HOSTNAME": "nats-1", "TRACKWAY_PASSWORD": "secret-of-a-test"}
    program = str(Path(sys.executable).with_name("nats-server"))
    done = subprocess.run(
        [program, "-c", str(file), "-t"], env={**os.environ, **variables}, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
