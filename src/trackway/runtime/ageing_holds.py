"""Why data does not age as the settings say, in files of the running server: for health page and status."""

from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Final

_FOLDER: Final = "ageing-holds"


class Hold(Enum):
    """What waits for `trackway retention confirm`."""

    DEFAULT = "default"
    """The default retention of the settings is shorter than the one that was confirmed."""
    CLOCK = "clock"
    """The machine's clock is far ahead of the last time that is known."""


def hold(run_dir: Path, why: Hold, sentence: str) -> None:
    """Say in a sentence what waits. Nothing depends on the file, so it may fail."""
    with suppress(OSError):
        (run_dir / _FOLDER).mkdir(exist_ok=True)
        (run_dir / _FOLDER / why.value).write_text(sentence)


def release(run_dir: Path, why: Hold) -> None:
    """Nothing waits any more."""
    with suppress(OSError):
        (run_dir / _FOLDER / why.value).unlink(missing_ok=True)


def waiting(run_dir: Path) -> dict[str, bool]:
    """Of each reason whether something waits for it."""
    return {why.value: (run_dir / _FOLDER / why.value).exists() for why in Hold}


def holds(run_dir: Path) -> list[str]:
    """The sentences of all that waits."""
    found = []
    for why in Hold:
        with suppress(OSError):
            found.append((run_dir / _FOLDER / why.value).read_text())
    return found
