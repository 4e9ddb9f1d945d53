"""What docs/scale.md says of the server's state: the names of tables, files and folders in its tables."""

import re
from pathlib import Path
from typing import Final

_PAGE: Final = Path(__file__).parents[3] / "docs/scale.md"
_OF_TESTS: Final = {"serve.log"}
_OF_SQLITE: Final = ("-wal", "-shm")


def named() -> set[str]:
    """Every name in the section about state."""
    section = _PAGE.read_text().partition("## Where state is\n")[2].partition("\n## ")[0]
    return {name.rstrip("/") for name in re.findall(r"`([^`\n]+)`", section)}


def unnamed_files(data_dir: Path) -> list[str]:
    """Files and folders of a data directory that the page does not name: those in it, in `run` and in `journal`."""
    found = [path.relative_to(data_dir) for path in (*data_dir.iterdir(), *data_dir.glob("run/*"))]
    found += [path.relative_to(data_dir) for path in data_dir.glob("journal/*") if path.suffix != ".seg"]
    names = {path.as_posix() for path in found} - _OF_TESTS
    known = {*named(), "run"}
    return sorted(name for name in names if name not in known and not name.endswith(_OF_SQLITE))
