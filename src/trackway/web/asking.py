"""Questions of pages to the store: asked in a thread, and what takes too long is said so.

A page may ask for more than the store can look through in the time that a page has. That is no failure of the store,
and asking again would not help: the message says what does.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from trackway.errors import RequestError
from trackway.query.expressions import ExpressionError
from trackway.store.client import MEMORY_LIMIT_EXCEEDED, TIME_EXCEEDED_CODES, StoreError

Answer = TypeVar("Answer")


async def answer_of(ask: Callable[[], Answer], instead: str) -> Answer:
    """What `ask` gives. `instead` says in words what to ask for instead. Raises StorageError, and RequestError 400
    where the question takes more time or memory than it may have or cannot be asked at all."""
    try:
        return await asyncio.to_thread(ask)
    except ExpressionError as error:
        raise RequestError(400, f"properties to choose by: {error.message}") from error
    except StoreError as error:
        if error.code in TIME_EXCEEDED_CODES or error.code == MEMORY_LIMIT_EXCEEDED:
            raise RequestError(400, f"to look through all of this takes too long: {instead}") from error
        raise
