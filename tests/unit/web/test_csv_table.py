"""Tables as CSV: the file gives back what was put in, and a spreadsheet runs nothing of it."""

import csv
import io

import pytest

from trackway.web.csv_table import Cell, csv_reply, sheet_text


@pytest.mark.parametrize(
    ("cell", "text"),
    [("plain", "plain"), (None, ""), (3, "3"), (3.0, "3"), (2.25, "2.25"), ('a"b,\r\nc', 'a"b,\r\nc'), ("", "")],
)
def test_a_cell_is_what_a_reader_gets(cell: Cell, text: str) -> None:
    assert list(csv.reader(io.StringIO(sheet_text(["head"], [[cell, 1]]), newline=""))) == [["head"], [text, "1"]]


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r"])
def test_a_text_that_a_spreadsheet_would_run_is_quoted_in_heads_and_cells(first: str) -> None:
    [[head], [cell]] = csv.reader(io.StringIO(sheet_text([f"{first}a"], [[f"{first}b"]]), newline=""))
    assert (head, cell) == (f"'{first}a", f"'{first}b")


def test_a_number_below_zero_is_no_text() -> None:
    assert sheet_text(["n"], [[-1], [-2.5]]) == "n\r\n-1\r\n-2.5\r\n"


def test_a_file_is_downloaded_under_its_name() -> None:
    reply = csv_reply("funnel", "a\r\n")
    assert reply.headers["content-disposition"] == 'attachment; filename="funnel.csv"'
    assert reply.headers["content-type"].startswith("text/csv")
