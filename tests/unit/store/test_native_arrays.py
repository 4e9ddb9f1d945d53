import numpy as np
import pytest

from trackway.domain.errors import StorageError
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


def test_stream_that_ends_inside_a_block_is_an_error() -> None:
    with pytest.raises(StorageError, match="ends inside a block"):
        list(read_columns(iter([BLOCK, BLOCK[:-1]])))


def test_column_of_no_fixed_width_is_refused_by_type() -> None:
    with pytest.raises(StorageError, match="type String"):
        list(read_columns(iter([b"\x01\x01\x01s\x06String\x01x"])))
