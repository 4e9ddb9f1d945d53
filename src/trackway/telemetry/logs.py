"""Logging: one line for each noteworthy event, for people or as JSON, on standard error.

Input: an event name with key-value pairs from our own code, or a record of the standard library's logging (uvicorn,
alembic). Both pass the same steps: time in UTC, level, role of the process, id of the request, masking of secrets. Keys
of secrets are masked whatever their value. Text is searched for passwords in URLs, for credentials and for keys in
query strings, tracebacks included.
"""

import logging
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from trackway.settings.table import masked
from trackway.telemetry import request_id
from trackway.telemetry.limits import LOG_NESTING_MAX

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
_QUIET: Final = {
    "alembic": logging.WARNING,
    "asyncio": logging.WARNING,
    "clickhouse_connect": logging.CRITICAL,
    "urllib3": logging.ERROR,
}
"""Libraries with verbose logs, and the lowest levels that are shown. The store's driver logs a warning with a traceback
for each exception; the caller logs the exception once."""


def configure(log_format: Literal["console", "json"], log_level: str, role: str) -> None:
    """Set up the logging of this process, replacing the previous set-up; a forked child calls it with its own role."""
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
    """The masking step. It also masks the traceback of an exception, which is text in `exception` by now."""
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
    if depth > LOG_NESTING_MAX:
        return MASK
    if isinstance(value, Mapping):
        return {name: _masked_value(name, inner, depth) for name, inner in value.items()}
    return [_masked_value(None, inner, depth) for inner in value]


def masked_text(text: str) -> str:
    """The text without passwords of URLs, `Basic …` credentials, and values of `token=`, `api_secret=` and the like."""
    return _IN_TEXT.sub(lambda found: found["before"] + MASK, masked(text))


def _steps(role: str) -> list[Processor]:
    """The steps of every line, in order."""

    def add_role(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["role"] = role
        if request := request_id.current():
            event["request"] = request
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
    """Put the keys of every line first, so that they are at the same place in JSON."""
    return {**{name: event[name] for name in _FIRST if name in event}, **event}


def _renderer(log_format: Literal["console", "json"]) -> Processor:
    if log_format == "json":
        return structlog.processors.JSONRenderer(sort_keys=False, ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), timestamp_key="time", exception_formatter=structlog.dev.plain_traceback
    )


def _route_libraries(level: int) -> None:
    """Make every existing logger propagate to ours without a handler of its own, so that no line appears twice."""
    for name in list(logging.Logger.manager.loggerDict):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name, lowest in _QUIET.items():
        logging.getLogger(name).setLevel(max(level, lowest))
    logging.captureWarnings(True)
