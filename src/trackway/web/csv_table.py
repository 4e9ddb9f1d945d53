"""Tables of pages as CSV files (RFC 4180), whose texts no spreadsheet runs."""

import csv
import io
from collections.abc import Iterable
from typing import Final

from starlette.responses import Response

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""First characters of cells that a spreadsheet would run."""

Cell = str | float | None


def csv_text(head: Iterable[str], rows: Iterable[Iterable[Cell]]) -> str:
    """A table as CSV: figures in full, an empty cell for none."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow([_cell(each) for each in head])
    writer.writerows([_cell(each) for each in row] for row in rows)
    return written.getvalue()


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
