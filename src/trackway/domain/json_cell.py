"""Values of JSON as the cells of a table, with the digits that they were written with: a decimal stays exact."""

from collections.abc import Iterable
from typing import Final

import msgspec

_ROW: Final = msgspec.json.Decoder(list[msgspec.Raw])


def cells_of(row: bytes) -> list[str]:
    """The cells of a row that is the text of a JSON array. Raises msgspec.DecodeError where it is none."""
    return texts_of(_ROW.decode(row))


def texts_of(values: Iterable[msgspec.Raw]) -> list[str]:
    """A text as it is, nothing for null, and for anything else its JSON."""
    return [_text(bytes(each)) for each in values]


def _text(value: bytes) -> str:
    if value.startswith(b'"'):
        return msgspec.json.decode(value, type=str)
    return "" if value == b"null" else value.decode()
