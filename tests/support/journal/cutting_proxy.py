"""A TCP proxy that can be cut: what goes through it then gets lost without a word, as when a network is divided.

It runs in a thread of its own, on 127.0.0.1. While it is cut, connections stay open, and new ones are accepted, but
nothing passes. When it is joined again, these connections are broken, and new ones pass.
"""

import asyncio
import threading
from typing import Final

_BLOCK: Final = 64 * 1024


class CuttingProxy:
    """To a port of this machine. Use `port` in its place."""

    def __init__(self, target: int):
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._is_cut = self._is_closing = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(10)
        self.port: Final[int] = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        self._loop.call_soon_threadsafe(self._cut)

    def join(self) -> None:
        self._loop.call_soon_threadsafe(self._join)

    def close(self) -> None:
        async def end() -> None:
            self._server.close()
            self._is_closing = True
            self._break()
            if tasks := asyncio.all_tasks() - {asyncio.current_task()}:  # their connections are gone, so they end
                await asyncio.wait(tasks, timeout=5)
            await asyncio.sleep(0)  # until the last connections are closed

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _serve(self) -> asyncio.Server:
        return await asyncio.start_server(self._accept, "127.0.0.1", 0)

    def _cut(self) -> None:
        self._is_cut = True

    def _join(self) -> None:
        self._is_cut = False
        self._break()

    def _break(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        other: asyncio.StreamWriter | None = None
        try:
            if self._is_cut:
                await reader.read()  # until it is joined, or the other side leaves
                return
            other_reader, other = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers.add(other)
            if not self._is_closing:
                await asyncio.gather(self._pass(reader, other), self._pass(other_reader, writer))
        except OSError:
            return  # one side is gone, so the other goes, too
        finally:
            for each in (writer, other):
                if each is not None:
                    self._writers.discard(each)
                    each.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while block := await reader.read(_BLOCK):
            if not self._is_cut:
                writer.write(block)
                await writer.drain()
        raise ConnectionResetError
