"""From ClickHouse's Native format to numpy arrays, for columns of a fixed width.

Input: a stream in pieces, cut anywhere. Output: blocks, each a list of arrays, one for each column. A block of the
format is `columns:varint rows:varint`, then for each column `name:string type:string` and its values. So an array is a
view of the received bytes, and tens of millions of rows cost no more than reading them.
"""

import re
from collections.abc import Iterator

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


class _Cut(Exception):
    """The received bytes end inside a block."""


def read_columns(pieces: Iterator[bytes]) -> Iterator[list[NDArray[np.generic]]]:
    """Blocks of a Native stream. `FixedString(n)` becomes dtype `V<n>`, a `DateTime` the integer that stores it.

    Raises StorageError for a type without a fixed width, and when the stream ends inside a block.
    """
    rest = b""
    for piece in pieces:
        rest = rest + piece if rest else piece
        position = 0
        while position < len(rest):
            try:
                arrays, position = _block(rest, position)
            except _Cut:
                break
            yield arrays
        rest = rest[position:]
    if rest:
        raise StorageError(f"result ends inside a block, {len(rest)} bytes over")


def _block(data: bytes, position: int) -> tuple[list[NDArray[np.generic]], int]:
    columns, position = _varint(data, position)
    rows, position = _varint(data, position)
    arrays = []
    for _ in range(columns):
        _, position = _string(data, position)
        type_name, position = _string(data, position)
        dtype = _dtype(type_name)
        end = position + rows * dtype.itemsize
        if end > len(data):
            raise _Cut
        arrays.append(np.frombuffer(data, dtype, rows, position))
        position = end
    return arrays, position


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
    raise _Cut


def _string(data: bytes, position: int) -> tuple[str, int]:
    length, position = _varint(data, position)
    if position + length > len(data):
        raise _Cut
    return data[position : position + length].decode(), position + length
