"""The file that `trackway init` writes says what the program would do without it, and keeps each value it was given."""

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from trackway.settings.groups import COMMON
from trackway.settings.sources import load, of_flags
from trackway.settings.table import ROWS_BY_NAME
from trackway.settings.written_file import written_file


def test_without_values_only_the_data_directory_is_set(tmp_path: Path) -> None:
    file = tmp_path / "trackway.toml"
    file.write_text(written_file(of_flags({})))
    found = load(config=str(file), environ={})
    assert dict(found.sources) == {"data_dir": str(file)}
    assert found.data_dir == tmp_path / "data"


def test_each_line_that_is_a_comment_is_a_default_when_it_is_none() -> None:
    text = written_file(of_flags({}))
    opened = tomllib.loads(re.sub(r"^# (?=[a-z_]+ = )", "", text, flags=re.MULTILINE))
    assert set(opened) == set(COMMON)
    for name in set(COMMON) - {"data_dir"}:
        default = ROWS_BY_NAME[name].default
        assert opened[name] == ("" if default is None else list(default) if isinstance(default, tuple) else default)


def test_each_setting_has_its_meaning_before_it() -> None:
    text = " ".join(line.removeprefix("#").strip() for line in written_file(of_flags({})).splitlines())
    assert all(ROWS_BY_NAME[name].help in text for name in COMMON)


def test_no_line_is_wider_than_a_terminal() -> None:
    assert max(map(len, written_file(of_flags({})).splitlines())) <= 100


@given(
    path=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20),
    port=st.integers(0, 65535),
    proxies=st.lists(st.sampled_from(["10.0.0.0/8", "::1", "192.0.2.7"]), min_size=1),
    limits=st.booleans(),
)
@settings(max_examples=examples(50))
def test_any_values_are_read_back(
    path: str, port: int, proxies: list[str], limits: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    flags: dict[str, str | bool | None] = {
        "geoip_database": f"/{path}",
        "port": str(port),
        "trusted_proxies": ",".join(proxies),
        "rate_limits": limits,
    }
    file = tmp_path_factory.mktemp("written") / "trackway.toml"
    file.write_text(written_file(of_flags(flags)), "utf-8")
    found = load(config=str(file), environ={})
    assert (found.port, found.trusted_proxies, found.rate_limits) == (port, tuple(proxies), limits)
    assert found.geoip_database is not None and found.geoip_database.resolve() == Path(f"/{path}").resolve()
