"""Batches of records: each record is in one, with its number, whichever way its block went."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackway.transfer import batches
from trackway.transfer.batches import Batch, Forming, ReadyLines, batches_of
from trackway.transfer.readers import Block, Unreadable

READY = b'{"event":"e","properties":{"$insert_id":"a","n":%d}}'
PLAIN = b'{"event":"e","properties":{"n":%d}}'
LINES = st.sampled_from([READY, READY, READY, PLAIN, b"", b"  ", Unreadable("no", b"x"), READY + b"\r"])


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "RECORDS_PER_REQUEST_MAX", 3)
    monkeypatch.setattr(batches, "IMPORT_BODY_BYTES_MAX", 150)


def numbered(blocks: list[list[Any]]) -> list[Block]:
    found: list[Block] = []
    number = 0
    for block in blocks:
        found.append([])
        for line in block:
            number += 1
            found[-1].append(line % number if isinstance(line, bytes) and b"%d" in line else line)
    return found


@given(blocks=st.lists(st.lists(LINES, min_size=1, max_size=9), max_size=5), skipped=st.integers(0, 12))
def test_each_record_behind_the_skipped_ones_is_in_one_batch_with_its_number(
    blocks: list[list[Any]], skipped: int
) -> None:
    lines = numbered(blocks)
    found = list(batches_of("a", iter(lines), Forming(None, with_ids=True), skipped))
    all_lines = [line for block in lines for line in block]
    wanted = [
        number for number, line in enumerate(all_lines, 1)
        if number > skipped and (isinstance(line, Unreadable) or line.strip())
    ]  # fmt: skip
    seen: list[int] = []
    for batch in found:
        numbers = sorted([*(each.number for each in batch.records), *(each.number for each in batch.rejected)])
        assert len(batch.records) <= 3 and all(number <= batch.end for number in numbers)
        assert all(orjson.loads(each.body)["properties"]["n"] == each.number for each in batch.records)
        assert all(b"$insert_id" in each.body and each.text == all_lines[each.number - 1] for each in batch.records)
        seen += numbers
    assert seen == wanted
    assert [batch.end for batch in found] == sorted(batch.end for batch in found)
    assert found[-1].end == max(len(all_lines), skipped)


def test_lines_with_ids_are_sent_as_they_are() -> None:
    lines: Block = [READY % number for number in range(1, 8)]
    found = list(batches_of("a", iter([lines[:2], lines[2:]]), Forming(None, with_ids=True), 0))
    assert [len(batch.records) for batch in found] == [3, 3, 1]
    assert all(isinstance(batch.records, ReadyLines) for batch in found)
    records = found[1].records
    assert isinstance(records, ReadyLines)
    assert [each.number for each in records] == [4, 5, 6] and [each.number for each in records[1:]] == [5, 6]


def test_a_file_that_breaks_off_gives_what_came_before() -> None:
    def blocks() -> Any:
        yield [READY % 1]
        raise OSError("gone")

    found: list[Batch] = []
    with pytest.raises(Exception, match="cannot be read on: gone"):
        found.extend(batches_of("a", blocks(), Forming(None, with_ids=True), 0))
    assert [batch.end for batch in found] == [1]
