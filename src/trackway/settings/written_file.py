"""The text of a `trackway.toml` for a new server: the settings that most operators decide, each with its meaning.

Values that were given are written; of the others the default is shown as a comment. Pure.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap
from typing import Final

from trackway.settings.groups import GROUPS, Group
from trackway.settings.table import ROWS_BY_NAME, Row, Settings, Value

_DATA_DIR: Final = "data"
"""The data directory beside the file, where none is given."""
_WIDTH: Final = 100
_HEAD: Final = (
    "Settings of a trackway server: `trackway serve --config` with the path of this file. Lines that begin with # show "
    "defaults. A flag or a TRACKWAY_ variable overrides a line. `trackway config` prints every setting with its value "
    "and source; docs/settings.md has all of them. Keep passwords readable for the server's account only."
)


def written_file(settings: Settings) -> str:
    """The file's text. A setting that is no default of `settings` is written with its value."""
    return (
        "\n".join([*_comment(_HEAD), *(line for group in GROUPS if group.common for line in _section(group, settings))])
        + "\n"
    )


def _section(group: Group, settings: Settings) -> Iterator[str]:
    yield f"\n# --- {group.heading} ---"
    for name in group.common:
        row = ROWS_BY_NAME[name]
        values = f" [{row.values}]" if row.choices or row.kind == "number" else ""
        yield ""
        yield from _comment(row.help + values)
        yield _line(row, settings)


def _line(row: Row, settings: Settings) -> str:
    if settings.source(row.name) != "default":
        return f"{row.name} = {_toml(getattr(settings, row.name))}"
    if row.name == "data_dir":
        return f"data_dir = {_toml(_DATA_DIR)}"
    return f"# {row.name} = {_toml(row.default)}"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in wrap(text, _WIDTH - 2, break_on_hyphens=False)]


def _toml(value: Value) -> str:
    """A value as TOML writes it. A path is absolute: one in the file would be relative to the file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, Path):
        value = os.path.abspath(value)  # noqa: PTH100  # resolve() would follow links
    # A string of JSON is one of TOML, but for a character that JSON need not escape.
    return json.dumps("" if value is None else value, ensure_ascii=False).replace("\x7f", "\\u007f")
