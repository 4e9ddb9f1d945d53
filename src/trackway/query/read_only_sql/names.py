"""Names that a statement may use: quoted, so that none is read as anything else."""

import re
from typing import Final

from trackway.query.read_only_sql.refusal import SqlRefused

_NAME: Final = re.compile(r"[\w $.()%/+-]{1,128}")
"""No quotes, and no backslash, which the store reads as an escape within quotes."""
_ISOLATING: Final = "project_id"
"""The column that keeps projects apart. A statement cannot give this name to something else, wherever it is seen."""
_CTE: Final = "cte_{number}_{name}"


def quoted(name: str) -> str:
    """A name within quotes. Raises SqlRefused."""
    if not _NAME.fullmatch(name):
        raise SqlRefused(
            f"name {name[:80]!r} is not allowed: at most 128 letters, digits, blanks and _ $ . - + / % ( )"
        )
    if name.lower() == _ISOLATING:
        raise SqlRefused("the name project_id is not allowed: a statement sees one project alone")
    return f"`{name}`"


def of_cte(number: int, name: str) -> str:
    """The name within quotes under which a part of WITH is written: no table of the store begins so."""
    quoted(name)
    return quoted(_CTE.format(number=number, name=name)[:128])
