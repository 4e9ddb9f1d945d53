"""A process that appends until it is killed, and says what was acknowledged and when.

Arguments: directory, name, segment bytes. A line on standard output for each record: payload, position, nanoseconds
before the append and after it, of the clock that all processes share. A line is one write, so a kill leaves whole
lines only.
"""

import asyncio
import os
import random
import sys
import time
from pathlib import Path

from trackway.journal.group_commit import GroupCommit
from trackway.journal.segments.writer import Writer

CLIENTS = 8


async def client(commit: GroupCommit, name: str, dice: random.Random) -> None:
    for number in range(1_000_000):
        label = f"{name}-{number}"
        payload = label.encode() + b"." * dice.choice([10, 500, 500, 3000])
        before = time.monotonic_ns()
        position = await commit.append(payload)
        os.write(1, f"{label} {position} {before} {time.monotonic_ns()}\n".encode())


async def append(directory: Path, name: str, segment_bytes: int) -> None:
    commit = GroupCommit(Writer(directory, segment_bytes=segment_bytes))
    await asyncio.gather(*(client(commit, f"{name}-{k}", random.Random(f"{name} {k}")) for k in range(CLIENTS)))


if __name__ == "__main__":
    asyncio.run(append(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
