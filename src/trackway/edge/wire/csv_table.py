"""The one door to CSV (RFC 4180): of reports, of statements of a person, and of pages.

A value stays what the JSON form has: text as it is, nothing for null, JSON for a list or an object. Programs read these
tables back. What a spreadsheet would run is up to the pages (`web.csv_table`).
"""

import csv
import io
from collections.abc import Iterable

import orjson


def csv_text(head: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    """A table with a line for the head and one for each row."""
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\r\n")
    table.writerow(head)
    table.writerows([_cell(each) for each in row] for row in rows)
    return written.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return orjson.dumps(value).decode() if isinstance(value, list | dict) else value
