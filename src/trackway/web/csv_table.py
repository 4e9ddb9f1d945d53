"""Tables of pages as CSV files, whose texts no spreadsheet runs."""

from collections.abc import Iterable
from typing import Final

from starlette.responses import Response

from trackway.edge.wire.csv_table import csv_text

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""First characters of cells that a spreadsheet would run."""

Cell = str | float | None


def sheet_text(head: Iterable[str], rows: Iterable[Iterable[Cell]]) -> str:
    """A table as CSV: figures in full, an empty cell for none."""
    return csv_text(map(_cell, head), (map(_cell, row) for row in rows))


def csv_reply(name: str, text: str) -> Response:
    """A file NAME.csv to download."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(text, media_type="text/csv", headers=headers)


def _cell(value: Cell) -> object:
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return int(value) if float(value).is_integer() else value
