"""The generated pages docs/cli.md, docs/settings.md and docs/parameters.md, from the tables that the program uses."""

from typing import Final

import click

from trackway.settings.table import EMPTY, ROWS

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

Each setting can be given in four places. The first one that names it wins:

1. a flag: `--body-bytes-max 1048576`; a switch: `--rate-limits` or `--no-rate-limits`;
   a list: commas between the elements, or the flag again for each;
2. an environment variable: `TRACKWAY_BODY_BYTES_MAX=1048576`, `TRACKWAY_RATE_LIMITS=false`; a list: commas between;
3. a TOML file: `body_bytes_max = 1048576`, `rate_limits = false`, `redirect_hosts = ["www.example.com"]`.
   `--config FILE` or `TRACKWAY_CONFIG` names the file, else it is `trackway.toml` in the working directory;
4. the default.

An unknown key in the file and an unknown `TRACKWAY_` variable are errors. `trackway config` prints every value and its
source.
"""


def settings_document() -> str:
    """docs/settings.md, whole."""
    lines = [_SETTINGS_HEAD, "| Setting | Values | Default | Meaning |", "|---|---|---|---|"]
    lines += [f"| `{r.name}` | {r.values} | {_code(r.default_text)} | {r.help} |" for r in ROWS]
    return "\n".join(lines) + "\n"


def _code(default: str) -> str:
    return default if default == EMPTY else f"`{default}`"


_PARAMETERS_HEAD: Final = """\
# Parameters

This page is written by `trackway reference parameters > docs/parameters.md`; a test fails when it is out of date.

Parameters come in the query string, and for the profile query also in a form or a JSON object. **Honoured** parameters
do what Mixpanel's documents or [compatibility](compatibility.md) say. **Refused** ones are known from Mixpanel's
documents or clients and not served here. They would choose other rows, so a request with one gets a 400 that names it.
**Ignored** ones are known and change no row. Any other name is ignored too, and counted in the metric
`trackway_unknown_parameters`. An empty value counts as missing.

`/flags`, `/flags/definitions`, `/settings` and `/record` give the same answer to any parameters. `/api/query/engage` is
`/api/2.0/engage`, and all paths of service accounts have one row.

A list is a JSON array of strings; a single name is a list of one: `event=Sign up` is `event=["Sign up"]`.
"""


def parameters_document() -> str:
    """docs/parameters.md, whole."""
    from trackway.edge.wire.parameter_tables import TABLES  # noqa: PLC0415  the edge's modules take long to import

    lines = [_PARAMETERS_HEAD, "| Endpoint | Honoured | Refused | Ignored |", "|---|---|---|---|"]
    lines += [f"| `{t.name}` | {_names(t.honoured)} | {_names(t.refused)} | {_names(t.ignored)} |" for t in TABLES]
    return "\n".join(lines) + "\n"


def _names(names: tuple[str, ...]) -> str:
    return " ".join(f"`{name}`" for name in names) or "none"
