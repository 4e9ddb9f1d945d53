"""The pages docs/cli.md and docs/settings.md, written from the commands and the table of settings."""

from typing import Final

import click

from trackway.settings import EMPTY, ROWS

_COMMANDS_HEAD: Final = """\
# Commands

This page is written by `trackway reference cli > docs/cli.md`; a test fails when it is out of date.
"""


def commands_document(command: click.Command) -> str:
    """docs/cli.md, whole."""
    return _COMMANDS_HEAD + "".join(_help_sections(command, "trackway", None))


def _help_sections(command: click.Command, name: str, parent: click.Context | None) -> list[str]:
    context = click.Context(command, info_name=name, parent=parent, terminal_width=100, **command.context_settings)
    sections = [f"\n## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"]
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            if found is not None and not found.hidden:
                sections += _help_sections(found, inner, context)
    return sections


_SETTINGS_HEAD: Final = """\
# Settings

This page is written by `trackway reference settings > docs/settings.md`; a test fails when it is out of date.

Each setting can be given in four places, the first that names it wins:

1. a flag: `--body-bytes-max 1048576`; a switch: `--rate-limits` or `--no-rate-limits`;
   a list: commas between the elements, or the flag again for each;
2. an environment variable: `TRACKWAY_BODY_BYTES_MAX=1048576`, `TRACKWAY_RATE_LIMITS=false`; a list: commas between;
3. a TOML file: `body_bytes_max = 1048576`, `rate_limits = false`, `redirect_hosts = ["www.example.com"]`.
   It is the one that `--config FILE` or `TRACKWAY_CONFIG` names, else `trackway.toml` in the working directory;
4. the default.

An unknown key in the file and an unknown `TRACKWAY_` variable are errors. `trackway config` prints every value and
where it came from.
"""


def settings_document() -> str:
    """docs/settings.md, whole."""
    lines = [_SETTINGS_HEAD, "| Setting | Values | Default | Meaning |", "|---|---|---|---|"]
    lines += [f"| `{r.name}` | {r.values} | {_code(r.default_text)} | {r.help} |" for r in ROWS]
    return "\n".join(lines) + "\n"


def _code(default: str) -> str:
    return default if default == EMPTY else f"`{default}`"
