"""How the network is judged by the settings, and a certificate by its end."""

from pathlib import Path
from typing import Any

import pytest

from trackway.commands import reach_checks as checks
from trackway.commands.limits import DOCTOR_CERTIFICATE_S_MIN
from trackway.settings.table import Settings


@pytest.mark.parametrize(
    ("chosen", "level", "words"),
    [
        ({}, "ok", "only this machine"),
        ({"host": "localhost"}, "ok", "only this machine"),
        ({"host": "::1"}, "ok", "only this machine"),
        ({"host": "0.0.0.0"}, "warning", "without TLS"),
        ({"host": "events.example.com"}, "warning", "without TLS"),
        ({"host": "0.0.0.0", "tls_cert": Path("/c.pem")}, "ok", "HTTPS"),
        ({"host": "0.0.0.0", "trusted_proxies": ("10.0.0.0/8",)}, "ok", "behind a proxy"),
        ({"trusted_proxies": ("127.0.0.1",)}, "ok", "behind a proxy"),
    ],
)
def test_network(chosen: dict[str, Any], level: str, words: str, tmp_path: Path) -> None:
    [found] = checks.configured(Settings(data_dir=tmp_path, **chosen))
    assert found.level == level and words in found.said


def test_secrets_of_the_first_start_are_not_left_behind(tmp_path: Path) -> None:
    (tmp_path / "first-start.txt").write_text("")
    assert [each.level for each in checks.configured(Settings(data_dir=tmp_path))] == ["ok", "warning"]


@pytest.mark.parametrize(("left_s", "level"), [(DOCTOR_CERTIFICATE_S_MIN, "ok"), (0, "warning"), (-5, "warning")])
def test_a_certificate_that_ends_soon_is_a_warning(left_s: float, level: str) -> None:
    assert checks.judged_certificate(1000.0 + left_s, 1000.0).level == level


def test_parts_that_do_not_answer_are_faults_without_their_passwords() -> None:
    settings = Settings(store_url="http://me:hidden@127.0.0.1:1/x", projects_url="postgresql://me:hidden@127.0.0.1:1/x")
    found = list(checks.parts(settings))
    assert [(each.name, each.level) for each in found] == [("store", "fault"), ("projects", "fault")]
    assert "hidden" not in str(found)
    assert list(checks.parts(Settings())) == []
