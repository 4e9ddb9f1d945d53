"""The format of a file by its name, else by its content."""

import pytest

from trackway.domain.errors import ConfigError
from trackway.transfer.formats import Format, format_of


@pytest.mark.parametrize(
    ("name", "head", "wanted"),
    [
        ("a.ndjson", b"", Format.LINES),
        ("a.JSONL.gz", b"", Format.LINES),
        ("a.csv.zst", b'{"', Format.CSV),
        ("a.tsv", b"a\tb", Format.CSV),
        ("a.parquet", b"PAR1", Format.PARQUET),
        ("whatever", b"PAR1\x15", Format.PARQUET),
        ("a.json", b' \n[{"a":1}]', Format.JSON),
        ("a.json.gz", b'\xef\xbb\xbf{"a":1}\n{"a":2}\n', Format.LINES),
        ("a.json", b'{\n "a": 1\n}\n{\n', Format.JSON),
        ("a.json", b'{"a":"a long line that the head cuts', Format.LINES),
        ("-", b'{"a":1}\n', Format.LINES),
        ("-", b"event,time\n", Format.CSV),
        ("-", b"", Format.CSV),
    ],
)
def test_format_is_found(name: str, head: bytes, wanted: Format) -> None:
    assert format_of(name, head) is wanted


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(ConfigError, match="neither JSON, CSV nor Parquet"):
        format_of("photo.jpg", b"\xff\xd8\x00\x01")
