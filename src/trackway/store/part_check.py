"""The statement that lets the engine read a part of a table, and say whether it is whole."""

import re
from typing import Final

NO_SUCH_PART_CODES: Final = frozenset((232, 234))
"""ClickHouse's codes for a part that does not exist, or is no longer active."""
NOT_IMPLEMENTED: Final = 48
"""Its code where the engine has no parts of its own."""
_NAME: Final = re.compile(r"[0-9A-Za-z_-]+")


def check_of(table: str, name: str) -> str:
    """The statement, without parameters. Its rows are (name, whether whole, fault)."""
    assert _NAME.fullmatch(table) and _NAME.fullmatch(name), f"{table!r} and {name!r} become part of a statement"
    return f"CHECK TABLE {table} PART '{name}' SETTINGS check_query_single_value_result = 0"
