"""Queries of pages that exceed their bounds of time or memory.

A page may query for more than the store can scan in the time of a page. That is no failure of the store, and a retry
would not help. The message says what helps.
"""

from collections.abc import Awaitable
from typing import TypeVar

from trackway.domain.errors import RequestError
from trackway.query.expressions import ExpressionError
from trackway.store.errors import MEMORY_LIMIT_EXCEEDED, TIME_EXCEEDED_CODES, StoreError

Answer = TypeVar("Answer")


async def answer_of(answer: Awaitable[Answer], instead: str) -> Answer:
    """The answer. `instead` describes a smaller query. Raises StorageError, and RequestError 400 where the query
    exceeds its time or memory, or is invalid."""
    try:
        return await answer
    except ExpressionError as error:
        raise RequestError(400, f"properties to choose by: {error.message}") from error
    except StoreError as error:
        if _is_too_much(error):
            raise RequestError(400, f"to look through all of this takes too long: {instead}") from error
        raise


async def in_time(answer: Awaitable[Answer]) -> Answer | None:
    """The answer. None where the query exceeds its time or memory: a part of a page that the rest does without. Raises
    StorageError."""
    try:
        return await answer
    except StoreError as error:
        if _is_too_much(error):
            return None
        raise


def _is_too_much(error: StoreError) -> bool:
    return error.code in TIME_EXCEEDED_CODES or error.code == MEMORY_LIMIT_EXCEEDED
