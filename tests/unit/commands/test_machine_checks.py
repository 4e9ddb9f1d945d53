"""How the machine is judged."""

import resource
from datetime import UTC, datetime
from pathlib import Path

import pytest

from trackway.commands import machine_checks as checks
from trackway.commands.limits import DOCTOR_CITIES_S_MAX, DOCTOR_CLOCK_EARLIEST_S, DOCTOR_MEMORY_BYTES_MIN
from trackway.settings.table import Settings

NOW_S = datetime(2026, 11, 30, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("now_s", "state", "level"),
    [
        (NOW_S, 0, "ok"),
        (NOW_S, 5, "warning"),
        (NOW_S, -1, "ok"),
        (DOCTOR_CLOCK_EARLIEST_S - 1, 0, "fault"),
    ],
)
def test_clock(now_s: float, state: int, level: str) -> None:
    assert checks.judged_clock(now_s, state).level == level


def test_the_kernel_is_asked_for_its_clock() -> None:
    assert checks.clock().said.startswith(datetime.now(UTC).strftime("%Y-%m-%dT%H"))


@pytest.mark.parametrize(("size", "level"), [(DOCTOR_MEMORY_BYTES_MIN, "ok"), (DOCTOR_MEMORY_BYTES_MIN - 1, "warning")])
def test_memory(size: int, level: str) -> None:
    assert checks.judged_memory(size).level == level


@pytest.mark.parametrize(
    ("hard", "level"), [(16_384, "ok"), (16_383, "warning"), (1024, "warning"), (resource.RLIM_INFINITY, "ok")]
)
def test_open_files(hard: int, level: str) -> None:
    assert checks.judged_open_files(hard).level == level


@pytest.mark.parametrize(
    ("texts", "level", "said"),
    [
        (["# version 2025b\n", "2025.2"], "ok", "rules of 2025b"),
        (["# version 2020a\n", "2026.1"], "ok", "rules of 2026.1"),
        (["# version 2026c\n", "2026.2"], "ok", "rules of 2026c"),
        (["", "2024.1"], "warning", "rules of 2024.1"),
        (["", "unknown"], "warning", "no rules were found"),
    ],
)
def test_the_newest_rules_of_time_zones_count(texts: list[str], level: str, said: str) -> None:
    found = checks.judged_time_zones(texts, NOW_S)
    assert (found.level, found.said) == (level, said)


def test_a_city_database_ages() -> None:
    fresh = checks.judged_cities(NOW_S - DOCTOR_CITIES_S_MAX, Path("/x.mmdb"), NOW_S)
    old = checks.judged_cities(NOW_S - DOCTOR_CITIES_S_MAX - 1, None, NOW_S)
    assert (fresh.level, old.level) == ("ok", "warning")
    assert "/x.mmdb is of 2025-11-30" in fresh.said and "packaged city database" in old.said


def test_the_packaged_city_database_is_read_and_a_broken_one_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "broken.mmdb").write_bytes(b"nothing")
    assert "2023-" in checks.cities(Settings(), NOW_S).said
    assert checks.cities(Settings(geolocation=False), NOW_S).level == "ok"
    for name in ("broken.mmdb", "missing.mmdb"):
        found = checks.cities(Settings(geoip_database=tmp_path / name), NOW_S)
        assert found.level == "fault" and name in found.said


def test_data_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert checks.data_directory(Settings(data_dir=tmp_path)).level == "ok"
    assert "not there yet" in checks.data_directory(Settings(data_dir=tmp_path / "new" / "data")).said
    for wrong in ("file", "file/below"):
        assert checks.data_directory(Settings(data_dir=tmp_path / wrong)).level == "fault"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"], "nothing is made"
