"""Where settings come from: flags of the command line, `TRACKWAY_*` variables, a TOML file, and defaults.

Input: flags, the environment, and `--config FILE` (else `./trackway.toml`). Output: one frozen `Settings` that knows
the source of each value. A flag wins over the environment, that over the file, that over the default.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from trackway.domain.errors import ConfigError
from trackway.settings.table import ENVIRONMENT_PREFIX, ROWS_BY_NAME, Row, Settings, Value, did_you_mean

CONFIG_VARIABLE: Final = "TRACKWAY_CONFIG"
CONFIG_DEFAULT: Final = Path("trackway.toml")
_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9][0-9_]{0,17}")


def load(
    flags: Mapping[str, str | bool | None] | None = None,
    *,
    config: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Read every source into one Settings. Raises ConfigError, naming the setting, the bound and the source.

    flags: by setting name, as text (a switch as bool); None is a flag that was not given. config: the `--config`
    flag. environ: os.environ unless given.
    """
    environ = os.environ if environ is None else environ
    found: dict[str, tuple[Value, str]] = {}
    found.update(_from_file(config or environ.get(CONFIG_VARIABLE) or None))
    found.update(_from_environment(environ))
    found.update(_from_flags(flags or {}))
    values: dict[str, Any] = {name: value for name, (value, _) in found.items()}
    sources = {name: source for name, (_, source) in found.items()}
    values["data_dir"] = values.get("data_dir", Path(str(ROWS_BY_NAME["data_dir"].default))).absolute()
    return Settings(**values, sources=MappingProxyType(sources))


def of_flags(flags: Mapping[str, str | bool | None]) -> Settings:
    """The settings of flags alone, whatever the environment and a file say. Raises ConfigError as `load`."""
    found = dict(_from_flags(flags))
    values: dict[str, Any] = {name: value for name, (value, _) in found.items()}
    return Settings(**values, sources=MappingProxyType({name: source for name, (_, source) in found.items()}))


def _from_flags(flags: Mapping[str, str | bool | None]) -> Iterator[tuple[str, tuple[Value, str]]]:
    for name, given in flags.items():
        row = ROWS_BY_NAME[name]
        if isinstance(given, bool):
            yield name, (given, row.flag if given else "--no-" + row.flag[2:])
        elif given is not None:
            yield name, (_parse_text(row, given, row.flag), row.flag)


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, tuple[Value, str]]]:
    for variable, text in environ.items():
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable == CONFIG_VARIABLE:
            continue
        name = variable.removeprefix(ENVIRONMENT_PREFIX)
        row = ROWS_BY_NAME.get(name.lower())
        if row is None or row.variable != variable:
            near = did_you_mean(name.upper(), ["CONFIG", *map(str.upper, ROWS_BY_NAME)], ENVIRONMENT_PREFIX)
            raise ConfigError(f"unknown environment variable {variable}{near}")
        yield row.name, (_parse_text(row, text, variable), variable)


def _from_file(given: str | None) -> Iterator[tuple[str, tuple[Value, str]]]:
    path = Path(given) if given else CONFIG_DEFAULT
    try:
        if given is None and not path.exists():
            return
    except OSError as error:
        raise ConfigError(
            f"cannot look for {CONFIG_DEFAULT} in {Path.cwd()}: {error.strerror}; start elsewhere, or give --config"
        ) from error
    for name, value in _toml(path).items():
        row = ROWS_BY_NAME.get(name)
        if row is None:
            raise ConfigError(f"unknown setting {name!r} in {path}{did_you_mean(name, list(ROWS_BY_NAME))}")
        yield name, (_check_toml(row, value, path), str(path))


def _toml(path: Path) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415  # 20 ms that a server without a file need not pay

    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"config file {path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError
        raise ConfigError(f"config file {path} is not valid TOML: {error}") from error


def _check_toml(row: Row, value: object, file: Path) -> Value:
    good = {
        "text": isinstance(value, str),
        "path": isinstance(value, str),
        "switch": isinstance(value, bool),
        "number": isinstance(value, int) and not isinstance(value, bool),
        "list": isinstance(value, list) and all(isinstance(element, str) for element in value),
    }[row.kind]
    if not good:
        wanted = {"text": "a string", "path": "a string", "list": "a list of strings"}.get(row.kind, _wanted(row))
        raise ConfigError(f"{row.name} must be {wanted}, not {value!r} (from {file})")
    if isinstance(value, str) and row.kind == "path":
        return _path(row, value, file.absolute().parent, str(file))
    return tuple(value) if isinstance(value, list) else value  # type: ignore[return-value]  # checked just above


def _parse_text(row: Row, text: str, source: str) -> Value:
    stripped = text.strip()
    if row.kind == "number" and _WHOLE_NUMBER.fullmatch(stripped):
        return int(stripped)
    if row.kind == "switch" and stripped.lower() in _TRUE | _FALSE:
        return stripped.lower() in _TRUE
    if row.kind == "list":
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if row.kind in ("number", "switch"):
        raise ConfigError(f"{row.name} must be {_wanted(row)}, not {text!r} (from {source})")
    return _path(row, text, Path(), source) if row.kind == "path" else stripped


def _path(row: Row, text: str, base: Path, source: str) -> Path | None:
    if not text.strip() and row.default is None:
        return None
    if not text.strip() or "\0" in text:
        raise ConfigError(f"{row.name} must be a path, not {text!r} (from {source})")
    try:
        return base / Path(text).expanduser()
    except RuntimeError as error:
        raise ConfigError(f"{row.name} names a home directory that is not known: {text!r} (from {source})") from error


def _wanted(row: Row) -> str:
    return f"a whole number, {row.values}" if row.kind == "number" else "true or false"
