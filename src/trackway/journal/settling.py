"""How an appender hands over results: a callback that fails stops no other, and a cancelled future gets none."""

import asyncio
import logging
from collections.abc import Callable

_log = logging.getLogger(__name__)


def call(callback: Callable[[], None]) -> None:
    """Call it. A callback that fails stops neither the others nor the journal."""
    try:
        callback()
    except Exception:
        _log.exception("a callback of the journal failed")


def settle_future(future: "asyncio.Future[int]", result: int | Exception) -> None:
    if future.done():
        return  # the waiting request was cancelled
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
