"""Columns of strings: what is written is what ClickHouse reads, and can be taken apart again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ingest.stored_events import strings
from trackway.domain.native import pieces, string

SIZES = st.sampled_from([0, 1, 127, 128, 4095, 4096, 16_383, 16_384, 100_000])
TEXTS = st.lists(st.binary(max_size=8) | SIZES.map(lambda size: b"x" * size), max_size=6)


@given(TEXTS)
def test_a_column_is_its_strings_one_after_the_other(texts: list[bytes]) -> None:
    column = b"".join(map(string, texts))
    assert list(strings(column)) == texts
    assert pieces(column) == list(map(string, texts))


@given(TEXTS, st.integers(min_value=1, max_value=3))
def test_a_column_that_ends_within_a_string_is_not_taken_apart(texts: list[bytes], missing: int) -> None:
    column = b"".join(map(string, texts))
    for cut in (column + string(b"the last")[:-missing], column + b"\xff" * missing):
        with pytest.raises(ValueError, match="ends within"):
            pieces(cut)
