"""The file of `browser_sdk_path`: what is taken for a script, and what stops the start."""

import gzip
import os
from pathlib import Path

import pytest

from trackway.domain.errors import ConfigError
from trackway.edge.api.site_script import read_site_script
from trackway.edge.limits import SITE_SCRIPT_BYTES_MAX


def test_no_path_is_no_script() -> None:
    assert read_site_script(None) is None


def test_the_address_changes_with_the_content_alone(tmp_path: Path) -> None:
    paths = set()
    for name, body in (("a.js", b"one()"), ("b.js", b"one()"), ("c.js", b"two()")):
        (tmp_path / name).write_bytes(body)
        script = read_site_script(tmp_path / name)
        assert script is not None and (script.body, gzip.decompress(script.packed)) == (body, body)
        paths.add(script.lasting_path)
    assert len(paths) == 2


def test_a_script_of_the_largest_size_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "sdk.js"
    path.write_bytes(b"x" * SITE_SCRIPT_BYTES_MAX)
    script = read_site_script(path)
    assert script is not None and len(script.body) == SITE_SCRIPT_BYTES_MAX


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"x" * (SITE_SCRIPT_BYTES_MAX + 1), f"must not have more than {SITE_SCRIPT_BYTES_MAX} bytes"),
        (b"", "must be a script, and is empty"),
        (b" \n", "must be a script, and is empty"),
        (b"\n<!doctype html>", "must be a script, and is a page"),
        (b"a()\xff", "must be a script in UTF-8, and byte 3 is not"),
    ],
)
def test_what_is_no_script_stops_the_start(tmp_path: Path, body: bytes, reason: str) -> None:
    path = tmp_path / "sdk.js"
    path.write_bytes(body)
    with pytest.raises(ConfigError, match=reason):
        read_site_script(path)


def test_what_is_no_file_stops_the_start(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, reason in ((tmp_path, "must be a file$"), (tmp_path / "pipe", "must be a file$"),
                         (tmp_path / "none", "must be a file, and there is none")):  # fmt: skip
        with pytest.raises(ConfigError, match=reason):
            read_site_script(path)
