"""Logging: one line for each thing worth knowing, for people or as JSON, on standard error.

An event name and key-value pairs arrive from our own code, or a record of the standard library's logging (uvicorn,
alembic); both leave through the same steps: time in UTC, level, role of the process, secrets masked. Keys that hold
secrets are masked whatever their value; text is searched for passwords in URLs, for credentials and for keys in query
strings, tracebacks included.
"""

import logging
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from trackway.settings import masked

MASK: Final = "***"
SECRET_KEYS: Final = frozenset(
    {
        "$token", "api_key", "api_secret", "authorization", "cookie", "credential", "credentials", "passwd",
        "password", "project_secret", "proxy-authorization", "secret", "token", "x-clickhouse-key",
    }
)  # fmt: skip
_IN_TEXT: Final = re.compile(
    r"""(?P<before>\b(?:\$?token|secret|api_key|api_secret|password|passwd)["']?\s*(?:=|%3D|:)\s*["']?
    |\b(?:basic|bearer)\s+)
    (?P<secret>[^\s&"',;}\])]+)""",
    re.IGNORECASE | re.VERBOSE,
)
_FIRST: Final = ("time", "level", "role", "logger", "event")
_NESTING_MAX: Final = 8
_QUIET: Final = ("alembic", "clickhouse_connect", "urllib3", "asyncio")
"""Libraries that tell of their own workings at `info`: heard from `warning` on."""


def configure(log_format: Literal["console", "json"], log_level: str, role: str) -> None:
    """Sets this process's logging up; a forked child calls it again with its own role. Replaces what was set up."""
    steps = _steps(role)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *steps],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            mask_secrets,
            _in_order,
            _renderer(log_format),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(log_level.upper())
    _route_libraries(root.level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *steps,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # the role changes with a fork
    )


def get(name: str) -> FilteringBoundLogger:
    """A logger: `logs.get("loader").info("loaded", records=2000)`. May be made before `configure`."""
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger


def mask_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The step that masks. Also the traceback of an exception, which stands in `exception` as text by now."""
    return {key: _masked_value(key, value, 0) if key[:1] != "_" else value for key, value in event.items()}


def _masked_value(key: object, value: object, depth: int) -> object:
    if isinstance(key, str) and key.lower() in SECRET_KEYS and value not in (None, ""):
        return MASK
    if isinstance(value, Mapping | list | tuple):
        return _masked_elements(value, depth + 1)
    if isinstance(value, int | float | None):
        return value
    return masked_text(value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value))


def _masked_elements(value: Mapping[object, object] | Sequence[object], depth: int) -> object:
    if depth > _NESTING_MAX:
        return MASK
    if isinstance(value, Mapping):
        return {name: _masked_value(name, inner, depth) for name, inner in value.items()}
    return [_masked_value(None, inner, depth) for inner in value]


def masked_text(text: str) -> str:
    """The text without passwords of URLs, `Basic …` credentials, and values of `token=`, `api_secret=` and the like."""
    return _IN_TEXT.sub(lambda found: found["before"] + MASK, masked(text))


def _steps(role: str) -> list[Processor]:
    """What every line gets, in the order in which it is shown."""

    def add_role(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["role"] = role
        return event

    return [
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        add_role,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
    ]


def _in_order(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """What every line has comes first, so that a reader of JSON finds it at the same place."""
    return {**{name: event[name] for name in _FIRST if name in event}, **event}


def _renderer(log_format: Literal["console", "json"]) -> Processor:
    if log_format == "json":
        return structlog.processors.JSONRenderer(sort_keys=False, ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), timestamp_key="time", exception_formatter=structlog.dev.plain_traceback
    )


def _route_libraries(level: int) -> None:
    """Every logger made so far hands its records up to ours, with no handler of its own: no line is said twice."""
    for name in list(logging.Logger.manager.loggerDict):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.captureWarnings(True)
