"""From ClickHouse's Native format to numpy arrays, for columns of a fixed width.

Input: a stream in pieces, cut anywhere. Output: blocks, each a list of arrays, one for each column. A block of the
format is `columns:varint rows:varint`, then for each column `name:string type:string` and its values. So an array is a
view of the received bytes, and tens of millions of rows cost no more than reading them.

A column of lists, Array(T), becomes two arrays: where the list of each row ends, and the elements of all lists.
"""

import re
from collections.abc import Generator, Iterable, Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from trackway.domain.errors import StorageError

_FIXED = {
    "UInt8": "u1",
    "UInt16": "<u2",
    "UInt32": "<u4",
    "UInt64": "<u8",
    "Int8": "i1",
    "Int16": "<i2",
    "Int32": "<i4",
    "Int64": "<i8",
    "Float32": "<f4",
    "Float64": "<f8",
    "Bool": "?",
    "Date": "<u2",
    "Date32": "<i4",
}
_FIXED_STRING = re.compile(r"FixedString\((\d+)\)")
_LISTS = re.compile(r"Array\((.+)\)")
_ENDS = np.dtype("<u8")


class _Cut(Exception):
    """The received bytes end inside a block, which has so many at least."""

    def __init__(self, size_min: int):
        super().__init__()
        self.size_min = size_min


def read_blocks(pieces: Iterable[bytes]) -> Generator[list[list[NDArray[np.generic]]]]:
    """For each piece of a Native stream the blocks that end in it. `FixedString(n)` becomes dtype `V<n>`, a `DateTime`
    the integer that stores it.

    Raises StorageError for other types without a fixed width, and when the stream ends inside a block.
    """
    held: list[bytes] = []
    size = size_min = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        blocks: list[list[NDArray[np.generic]]] = []
        if size >= size_min:  # else a large block would be copied with each of its pieces
            data = held[0] if len(held) == 1 else b"".join(held)
            position = size_min = 0
            while position < len(data):
                try:
                    arrays, position = _block(data, position)
                except _Cut as cut:
                    size_min = cut.size_min - position
                    break
                blocks.append(arrays)
            held = [data[position:]] if position < len(data) else []
            size = len(data) - position
        yield blocks
    if held:
        raise StorageError(f"result ends inside a block, {size} bytes over")


def read_columns(pieces: Iterable[bytes]) -> Iterator[list[NDArray[np.generic]]]:
    """Blocks of a Native stream, as `read_blocks`."""
    return chain.from_iterable(read_blocks(pieces))


def _block(data: bytes, position: int) -> tuple[list[NDArray[np.generic]], int]:
    columns, position = _varint(data, position)
    rows, position = _varint(data, position)
    arrays: list[NDArray[np.generic]] = []
    for _ in range(columns):
        _, position = _string(data, position)
        type_name, position = _string(data, position)
        number = rows
        if listed := _LISTS.fullmatch(type_name):
            type_name = listed.group(1)
            ends, position = _values(data, position, _ENDS, rows)
            arrays.append(ends)
            number = int(ends[-1]) if rows else 0
        values, position = _values(data, position, _dtype(type_name), number)
        arrays.append(values)
    return arrays, position


def _values(data: bytes, position: int, dtype: np.dtype[np.generic], number: int) -> tuple[NDArray[np.generic], int]:
    end = position + number * dtype.itemsize
    if end > len(data):
        raise _Cut(end)
    return np.frombuffer(data, dtype, number, position), end


def _dtype(type_name: str) -> np.dtype[np.generic]:
    if match := _FIXED_STRING.fullmatch(type_name):
        return np.dtype(f"V{match.group(1)}")
    if type_name.startswith("DateTime64("):
        return np.dtype("<i8")
    if type_name == "DateTime" or type_name.startswith("DateTime("):
        return np.dtype("<u4")
    if type_name not in _FIXED:
        raise StorageError(f"column of type {type_name} has no fixed width and cannot be read as an array")
    return np.dtype(_FIXED[type_name])


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(data):
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7
    raise _Cut(position + 1)


def _string(data: bytes, position: int) -> tuple[str, int]:
    length, position = _varint(data, position)
    if position + length > len(data):
        raise _Cut(position + length)
    return data[position : position + length].decode(), position + length
