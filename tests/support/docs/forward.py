"""Forwards connections to 127.0.0.1:PORT to a Unix socket, until it is ended: `python -m … PORT SOCKET`.

So a terminal whose network has nobody else reaches a server that was started outside of it.
"""

import asyncio
import sys


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while block := await reader.read(65536):
        writer.write(block)
        await writer.drain()
    writer.close()


async def _serve(port: int, socket: str) -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other = await asyncio.open_unix_connection(socket)
        await asyncio.gather(_pass(reader, other), _pass(other_reader, writer), return_exceptions=True)

    async with await asyncio.start_server(accept, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), sys.argv[2]))
