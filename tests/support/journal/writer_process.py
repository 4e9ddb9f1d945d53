"""A process that appends to any journal until it is killed, and prints each acknowledged payload with its position.

Arguments: the place of the journal, and the writer's name. A place is `module:function argument`; the function opens
the journal. A line is one write, so a kill leaves whole lines.
"""

import asyncio
import importlib
import os
import sys
from typing import cast

from trackway.journal.log import Appender, Journal

CLIENTS = 4


def opened(place: str) -> Journal:
    """The journal of a place."""
    maker, _, argument = place.partition(" ")
    module, _, function = maker.partition(":")
    return cast("Journal", getattr(importlib.import_module(module), function)(argument))


async def client(appender: Appender, name: str) -> None:
    for number in range(1_000_000):
        payload = f"{name}-{number}".encode()
        position = await appender.append(payload)
        os.write(1, b"%s %d\n" % (payload, position))


async def main(place: str, name: str) -> None:
    appender = opened(place).partitions[-1].appender()
    await asyncio.gather(*(client(appender, f"{name}-{index}") for index in range(CLIENTS)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
