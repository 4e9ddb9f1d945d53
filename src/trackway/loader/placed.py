"""An entry of the journal, and where it stands there."""

from typing import NamedTuple

from trackway.domain.entry import Entry


class Placed(NamedTuple):
    """An entry, the position of its journal record, and the number of sub-positions of that record."""

    position: int
    entry: Entry
    room: int
