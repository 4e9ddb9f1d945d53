"""Batches of records: each record is in one, with its number, whichever way its block went."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackway.transfer import batches
from trackway.transfer.batches import Batch, Forming, Lines, Sendable, batches_of, batches_of_lines
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
        assert not isinstance(batch.records, Lines)
        numbers = sorted([*(each.number for each in batch.records), *(each.number for each in batch.rejected)])
        assert len(batch.records) <= 3 and all(number <= batch.end for number in numbers)
        assert all(orjson.loads(each.body)["properties"]["n"] == each.number for each in batch.records)
        assert all(b"$insert_id" in each.body and each.text == all_lines[each.number - 1] for each in batch.records)
        seen += numbers
    assert seen == wanted
    assert [batch.end for batch in found] == sorted(batch.end for batch in found)
    assert found[-1].end == max(len(all_lines), skipped)


@given(
    pieces=st.lists(st.lists(LINES.filter(lambda line: isinstance(line, bytes)), min_size=1, max_size=9), max_size=5),
    too_long=st.integers(0, 5),
    skipped=st.integers(0, 12),
)
def test_lines_are_sent_as_they_are_and_each_is_in_one_batch_with_its_number(
    pieces: list[list[Any]], too_long: int, skipped: int
) -> None:
    blocks: list[list[Any]] = [*pieces[:too_long], [Unreadable("no", b"x")], *pieces[too_long:]]
    blocks = [list(block) for block in numbered(blocks)]
    read = [block[0] if isinstance(block[0], Unreadable) else b"\n".join(block) for block in blocks]
    all_lines = [line for block in blocks for line in block]
    seen: dict[int, Any] = {}
    for batch in (found := list(batches_of_lines("a", iter(read), skipped))):
        if isinstance(batch.records, Lines):
            lines = batch.records
            assert lines.number == lines.text.count(b"\n") + 1 <= 3 and (len(lines.text) <= 150 or lines.number == 1)
            assert batch.end == lines.first + lines.number - 1
            seen |= dict(lines.present())
            formed = lines.formed("a", with_ids=True)
            assert [each.number for each in formed] == [number for number, _ in lines.present()]
            assert all(isinstance(each, Sendable) and b"$insert_id" in each.body for each in formed)
        seen |= {each.number: Unreadable(each.reason, each.text) for each in batch.rejected}
    wanted = {number: line for number, line in enumerate(all_lines, 1) if number > skipped}
    assert seen == {n: line for n, line in wanted.items() if isinstance(line, Unreadable) or line.strip()}
    assert [batch.end for batch in found] == sorted(batch.end for batch in found)
    assert found[-1].end == max(len(all_lines), skipped)


def test_a_file_that_breaks_off_gives_what_came_before() -> None:
    def blocks() -> Any:
        yield [READY % 1]
        raise OSError("gone")

    found: list[Batch] = []
    with pytest.raises(Exception, match="cannot be read on: gone"):
        found.extend(batches_of("a", blocks(), Forming(None, with_ids=True), 0))
    assert [(batch.end, len(batch.records)) for batch in found] == [(1, 1), (1, 0)]
