"""Questions that people ask by opening a page: whole results, small, but perhaps looked for in many rows.

They go by connections of their own, and are given up after WEB_QUERY_S_MAX. So whatever people open, the short
of the loader and of health checks find a connection free; and so do pages, however slowly exports are read.
"""

from contextlib import closing
from typing import Any, Final

import msgspec

from trackway.limits import WEB_QUERY_S_MAX
from trackway.store.client import Parameters, Store
from trackway.store.request import READERS

_SETTINGS: Final = {
    "quota_key": READERS,
    "wait_end_of_query": "1",  # not by the connections of streams, each of which is as slow as its reader
    "max_execution_time": str(WEB_QUERY_S_MAX),
    "output_format_json_quote_64bit_integers": "0",
}
_lines = msgspec.json.Decoder(list[Any]).decode_lines


def rows(store: Store, sql: str, parameters: Parameters) -> list[tuple[Any, ...]]:
    """All rows of a result of moderate size, each value as JSON has it: dates are texts. Raises StoreError."""
    with closing(store.stream(sql, parameters, "JSONCompactEachRow", _SETTINGS)) as pieces:
        # A text that was cut may end in the middle of a character.
        text = b"".join(pieces).decode("utf-8", "replace")
    return [tuple(row) for row in _lines(text)]
