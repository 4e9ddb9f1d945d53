"""The mark of a data directory into which a backup is being restored. No server starts beside it."""

from pathlib import Path
from typing import Final

from trackway.domain.errors import StateError

MARK: Final = "unfinished-restore"


def refuse_unfinished(data_dir: Path) -> None:
    """Raise StateError where a restore has not ended."""
    if (data_dir / MARK).exists():
        raise StateError(f"a restore into {data_dir} was not finished: run `trackway restore` again")
