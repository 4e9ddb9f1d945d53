"""The format of a file: by its name, else by its first bytes."""

import re
from enum import Enum
from typing import Final

import orjson

from trackway.domain.errors import ConfigError


class Format(Enum):
    """What a file holds. LINES is one JSON value a line, JSON an array or objects one after another."""

    LINES = "ndjson"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


_BY_ENDING: Final = {
    "ndjson": Format.LINES,
    "jsonl": Format.LINES,
    "csv": Format.CSV,
    "tsv": Format.CSV,
    "parquet": Format.PARQUET,
}
_PACKED: Final = re.compile(r"\.(gz|zst|zstd)$")
_PARQUET: Final = b"PAR1"
_MARK: Final = b"\xef\xbb\xbf"


def format_of(name: str, head: bytes) -> Format:
    """The format of a file of that name that begins with these bytes, unpacked. `.json` may be lines or an array, so
    its bytes decide. Raises ConfigError for bytes that are no text."""
    ending = _PACKED.sub("", name.lower()).rpartition(".")[2]
    if head.startswith(_PARQUET):
        return Format.PARQUET
    if ending in _BY_ENDING:
        return _BY_ENDING[ending]
    text = head.removeprefix(_MARK).lstrip()
    if text.startswith(b"["):
        return Format.JSON
    if text.startswith(b"{"):
        return Format.LINES if _is_json(text.partition(b"\n")[0]) or b"\n" not in text else Format.JSON
    if b"\x00" in head:
        raise ConfigError(f"{name} is neither JSON, CSV nor Parquet: name its format with --format")
    return Format.CSV


def _is_json(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True
