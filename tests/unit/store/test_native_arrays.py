import numpy as np
import pytest

from trackway.domain.errors import StorageError
from trackway.store import native_arrays
from trackway.store.native_arrays import read_columns

BLOCK = (
    b"\x02\x02"
    + b"\x03key\x0fFixedString(16)"
    + bytes(range(32))
    + b"\x01n\x06UInt64"
    + (7).to_bytes(8, "little")
    + (2**64 - 1).to_bytes(8, "little")
)


@pytest.mark.parametrize("step", [1, 3, 50, 1000])
def test_columns_do_not_depend_on_where_the_stream_is_cut(step: int) -> None:
    stream = BLOCK * 3
    pieces = (stream[at : at + step] for at in range(0, len(stream), step))
    blocks = list(read_columns(pieces))
    assert len(blocks) == 3
    for keys, numbers in blocks:
        assert keys.dtype == np.dtype("V16")
        assert keys.tobytes() == bytes(range(32))
        assert numbers.tolist() == [7, 2**64 - 1]


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_a_column_of_lists_becomes_their_ends_and_elements(step: int) -> None:
    lists = [(0).to_bytes(8, "little"), (2).to_bytes(8, "little"), (3).to_bytes(8, "little"), b"\1\0\2\0\3\0"]
    filled = b"\x02\x03" + b"\x01l\x0dArray(UInt16)" + b"".join(lists) + b"\x01n\x05UInt8" + b"\4\5\6"
    empty = b"\x02\x00" + b"\x01l\x0dArray(UInt16)" + b"\x01n\x05UInt8"
    stream = filled + empty + filled
    blocks = list(read_columns(stream[at : at + step] for at in range(0, len(stream), step)))
    found = [[array.tolist() for array in each] for each in blocks]
    assert found == [[[0, 2, 3], [1, 2, 3], [4, 5, 6]], [[], [], []], [[0, 2, 3], [1, 2, 3], [4, 5, 6]]]


def test_a_large_block_is_put_together_once_for_each_column(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def block(data: bytes, position: int) -> object:
        tried.append(len(data))
        return read_block(data, position)

    read_block = native_arrays._block
    monkeypatch.setattr(native_arrays, "_block", block)
    values = np.arange(20_000, dtype="<u8").tobytes()
    stream = b"\x02\xa0\x9c\x01" + b"\x01a\x06UInt64" + values + b"\x01b\x06UInt64" + values
    [[first, second]] = read_columns(stream[at : at + 100] for at in range(0, len(stream), 100))
    assert first.tobytes() == second.tobytes() == values
    assert len(tried) <= 5


def test_stream_that_ends_inside_a_block_is_an_error() -> None:
    with pytest.raises(StorageError, match="ends inside a block"):
        list(read_columns(iter([BLOCK, BLOCK[:-1]])))


def test_column_of_no_fixed_width_is_refused_by_type() -> None:
    with pytest.raises(StorageError, match="type String"):
        list(read_columns(iter([b"\x01\x01\x01s\x06String\x01x"])))
