"""Ways to damage a part of facts that `support.store.damaged_parts` does not have."""

import os
import shutil
from pathlib import Path

from tests.support.store.damaged_parts import WAYS, Damaging


def flipped_byte(part: Path) -> None:
    """As many bytes as before: only a reader of them notices."""
    for file in part.glob("*.bin"):
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 0xFF
        file.write_bytes(bytes(content))


def empty_data(part: Path) -> None:
    for file in part.glob("*.bin"):
        os.truncate(file, 0)


def missing_marks(part: Path) -> None:
    for file in list(part.iterdir()):
        if "mrk" in file.name:
            file.unlink()


def missing_index(part: Path) -> None:
    for file in list(part.glob("primary*")):
        file.unlink()


def missing_part(part: Path) -> None:
    shutil.rmtree(part)


ALL_WAYS: tuple[Damaging, ...] = (*WAYS, flipped_byte, empty_data, missing_marks, missing_index, missing_part)
