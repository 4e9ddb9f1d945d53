"""Memory of the server's processes: PSS, which shares each shared page out among those who share it.

So the sum over all processes is what the server really takes, and forked children are not counted twice.
"""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

SAMPLE_S: Final = 1.0
"""Reading the sizes of a gigabyte takes the kernel some 60 ms. Five times a second that was a seventh of two cores, of
which the bare server and `orjson.loads` were spared."""


def pss_bytes(pid: int) -> int:
    """Proportional set size of one process. Raises OSError when it is gone."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"process {pid} has no memory any more")


def pss_by_role(pids: Mapping[str, int]) -> dict[str, int]:
    """PSS in bytes, the edge processes as one."""
    found: dict[str, int] = {}
    for role, pid in pids.items():
        kind = role.partition("-")[0]
        found[kind] = found.get(kind, 0) + pss_bytes(pid)
    return found


class Watch:
    """Samples in a thread while the block runs. `first` and `highest` by role, `highest_total` of one moment."""

    def __init__(self, pids: Mapping[str, int]):
        self._pids = pids
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)
        self.first = pss_by_role(pids)
        self.highest = dict(self.first)
        self.highest_total = sum(self.first.values())

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def growth(self, role: str) -> int:
        """Bytes by which a role grew at most."""
        return self.highest[role] - self.first[role]

    def _run(self) -> None:
        while not self._stop.wait(SAMPLE_S):
            try:
                now = pss_by_role(self._pids)
            except OSError:
                return  # a process died, which `Server.check_alive` reports
            self.highest = {role: max(size, self.highest[role]) for role, size in now.items()}
            self.highest_total = max(self.highest_total, sum(now.values()))


class Peak:
    """How much a process grows while the block runs, however shortly: the kernel itself keeps the highest value.

    It is the resident size, in which a page counts whole. `growth` is in bytes, after the block.
    """

    def __init__(self, pid: int):
        self._process = Path(f"/proc/{pid}")
        self.growth = 0

    def __enter__(self) -> "Peak":
        (self._process / "clear_refs").write_text("5")  # forgets the highest value so far
        self._before = self._bytes("VmRSS")
        return self

    def __exit__(self, *_: object) -> None:
        self.growth = max(self._bytes("VmHWM") - self._before, 0)

    def _bytes(self, name: str) -> int:
        lines = (self._process / "status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024
