"""Questions to a store from tests, which run no event loop: each is asked on a loop of its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from functools import cache
from threading import get_ident
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from trackway.lookup.rows import lookup_rows
from trackway.lookup.versions import LookupTable, LookupTables
from trackway.store.client import Store
from trackway.store.reader import Readers, open_readers

Answer = TypeVar("Answer")
Arguments = ParamSpec("Arguments")


def readers_of(store: Store) -> Readers:
    """The same for all that a thread asks of a store: the driver takes a while to connect."""
    return _readers(store.url, get_ident())


@cache
def _readers(url: str, _thread: int) -> Readers:
    return open_readers(url)


def ask(
    store: Store,
    question: Callable[Concatenate[Any, Arguments], Awaitable[Answer]],
    *arguments: Arguments.args,
    **named: Arguments.kwargs,
) -> Answer:
    """What a function that asks a reader gives."""

    async def asked() -> Answer:
        return await question(readers_of(store).pages, *arguments, **named)

    return asyncio.run(asked())


def pieces(opening: AbstractAsyncContextManager[AsyncIterator[bytes]]) -> list[bytes]:
    """All pieces of a stream."""

    async def read() -> list[bytes]:
        async with opening as found:
            return [piece async for piece in found]

    return asyncio.run(read())


class Tables:
    """Lookup tables, as tests change and ask for them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self, project_id: int) -> list[LookupTable]:
        return asyncio.run(self._tables.all(project_id))

    def find(self, project_id: int, table_id: UUID) -> LookupTable | None:
        return asyncio.run(self._tables.find(project_id, table_id))

    def create(self, project_id: int, name: str) -> LookupTable:
        return asyncio.run(self._tables.create(project_id, name))

    def replace(self, project_id: int, table_id: UUID, pieces: Iterable[bytes]) -> int:
        return asyncio.run(self._tables.replace(project_id, table_id, pieces))

    def delete(self, project_id: int, table_id: UUID) -> None:
        asyncio.run(self._tables.delete(project_id, table_id))

    def wait_s(self, project_id: int, replacements_max: int) -> int:
        return asyncio.run(self._tables.wait_s(project_id, replacements_max))

    def drop_ended(self, **kept: int) -> None:
        asyncio.run(self._tables.drop_ended(**kept))

    def rows(self, project_id: int, table: LookupTable) -> list[tuple[str, dict[str, Any]]]:
        async def read() -> list[tuple[str, dict[str, Any]]]:
            return [row async for row in lookup_rows(readers_of(self._store).lookup_tables, project_id, table)]

        return asyncio.run(read())

    @property
    def _tables(self) -> LookupTables:
        return LookupTables(readers_of(self._store).lookup_tables)
