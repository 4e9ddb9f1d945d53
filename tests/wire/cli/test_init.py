"""`trackway init`: a file that other commands read, and nothing else."""

import json
from pathlib import Path

import pytest

from tests.support.command_line import printed, trackway


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_file_is_private_and_read_by_other_commands(elsewhere: Path) -> None:
    said = printed("init", "site", "--port", "8123", "--region", "eu", "--trusted-proxies", "10.0.0.0/8")
    assert "trackway serve --config site/trackway.toml" in said and "doctor" in said
    assert [path.name for path in (elsewhere / "site").iterdir()] == ["trackway.toml"]
    assert (elsewhere / "site/trackway.toml").stat().st_mode & 0o777 == 0o600
    config = json.loads(printed("config", "--config", "site/trackway.toml", "--json"))
    set_there = {name: each["value"] for name, each in config.items() if each["source"] == "site/trackway.toml"}
    assert set_there == {
        "data_dir": str(elsewhere / "site/data"),
        "port": 8123,
        "region": "eu",
        "trusted_proxies": ["10.0.0.0/8"],
    }


def test_a_data_directory_is_that_of_the_command_and_not_of_the_file(elsewhere: Path) -> None:
    said = json.loads(printed("init", "site", "--data-dir", "elsewhere", "--json"))
    assert said == {"config": str(elsewhere / "site/trackway.toml"), "data_dir": str(elsewhere / "elsewhere")}


def test_neither_environment_nor_another_file_count(elsewhere: Path) -> None:
    (elsewhere / "trackway.toml").write_text("port = 1\n")
    printed("init", "site", TRACKWAY_REGION="in")
    config = json.loads(printed("config", "--config", "site/trackway.toml", "--json"))
    assert (config["port"]["value"], config["region"]["value"]) == (8080, "us")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["there"], 1, "there/trackway.toml exists: change it, or give another directory"),
        (["file"], 2, "file is no directory: give another one"),
        (["file/below"], 2, "file/below is below a file: give another directory"),
        (["new", "--port", "x"], 2, "port must be a whole number, 0 to 65535, not 'x' (from --port)"),
    ],
)
def test_what_cannot_be_written_changes_nothing(elsewhere: Path, arguments: list[str], code: int, message: str) -> None:
    (elsewhere / "there").mkdir()
    (elsewhere / "there/trackway.toml").write_text("port = 1\n")
    (elsewhere / "file").write_text("")
    done = trackway("init", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"trackway: {message}\n")
    assert (elsewhere / "there/trackway.toml").read_text() == "port = 1\n"
    assert not (elsewhere / "new").exists()
