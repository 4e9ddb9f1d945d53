"""The use of projects on several machines: each reports to the others what it has counted, and keeps the sum of theirs.

One thread of one edge process does it. Every RATE_REPORT_S it sends the words that have changed, and at times all of
them (`edge.quotas.counters`). A message holds whole amounts, not differences. So a message that is lost or comes twice
makes nothing wrong for long. What the others report is in files of its own below `run/rates`, which every edge process
reads as it reads those of another process.

So all machines together exceed a limit by what each of the others lets through until it has heard: about a second. A
machine that nobody hears counts alone. Clocks of machines must differ by less than a granule, four seconds.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from trackway.edge.limits import (
    RATE_GRANULES,
    RATE_MACHINE_GONE_S,
    RATE_MACHINE_SILENT_S,
    RATE_MACHINES_MAX,
    RATE_MESSAGES_WAITING_MAX,
    RATE_PROJECTS_PER_FILE,
    RATE_REPORT_ALL_TURNS,
    RATE_REPORT_S,
    RATE_WORDS_PER_MESSAGE,
)
from trackway.edge.quotas.counters import (
    AMOUNT,
    AMOUNT_BITS,
    FILE_BYTES,
    PROJECT_WORDS,
    RING,
    RUNNING,
    RUNNING_KINDS,
    Window,
    end_running,
    found,
    mapped,
    of_machines,
)
from trackway.journal.log import Machines
from trackway.runtime.background import pause
from trackway.telemetry import logs

_TOPIC: Final = "rates"
_PROJECT_BYTES: Final = PROJECT_WORDS * 8
_NUMBER_MAX: Final = (1 << 31) // RATE_PROJECTS_PER_FILE
_RUNNING_MAX: Final = 1_000_000
_log = logs.get("limits")


class Place(NamedTuple):
    """Where a word is: in the files of that number, at that index."""

    number: int
    at: int


class _Report(msgspec.Struct, array_like=True):
    """A message. `words`: number of the file, index and value of each. `begins_all`: all that the machine has follows,
    from this message on."""

    machine: str
    asks_for_all: bool
    begins_all: bool
    words: list[tuple[int, int, int]]


class _Machine:
    """What another machine has reported."""

    def __init__(self) -> None:
        self.heard_s = float("-inf")
        self.is_silent = True
        self.words: dict[Place, int] = {}


class UseOfMachines:
    """Reports and listens, in one thread. `directory`: of the counts of this machine. `windows`: all that are counted.

    `clock_s`: seconds since the epoch, `awake_s`: a clock that is never set.
    """

    def __init__(
        self,
        directory: Path,
        windows: Sequence[Window],
        machines: Machines,
        clock_s: Callable[[], float] = time.time,
        awake_s: Callable[[], float] = time.monotonic,
    ):
        self._directory = directory
        self._granule_s = {window.number: window.granule_s for window in windows}
        self._machines = machines
        self._clock_s, self._awake_s = clock_s, awake_s
        self._own: dict[Path, memoryview] = {}
        self._seen: dict[Path, bytes] = {}
        self._theirs: dict[int, memoryview] = {}
        self._others: dict[str, _Machine] = {}
        self._heard: deque[bytes] = deque(maxlen=RATE_MESSAGES_WAITING_MAX)
        self._turns = 0
        self._reports_all = self._asks_for_all = True
        for path in directory.glob(of_machines(0).removesuffix("0") + "*"):
            end_running(mapped(path, writing=True))  # those that still run will be reported
        machines.listen(_TOPIC, self._heard.append)

    def run(self) -> None:
        """For ever. Without room on the disk for a file it goes on later."""
        fault = ""
        while True:
            try:
                self.turn()
                fault = ""
            except OSError as error:
                if not fault:
                    _log.warning("limits of requests are not shared with other machines", error=str(error))
                fault = str(error)
            pause(RATE_REPORT_S)

    def turn(self) -> None:
        """Take what was heard, then report. Raises OSError."""
        while self._heard:
            self._take(self._heard.popleft())
        self._forget_silent()
        self._turns += 1
        all_of_it = self._reports_all or self._turns % RATE_REPORT_ALL_TURNS == 0
        if all_of_it:
            self._seen = {}
        changed = [(place, self._own_word(place)) for place in self._changed()]
        words = [(place.number, place.at, word) for place, word in changed if self._counts(place, word)]
        asks_for_all, self._reports_all, self._asks_for_all = self._asks_for_all, False, False
        for begin in range(0, max(len(words), 1), RATE_WORDS_PER_MESSAGE):
            part = words[begin : begin + RATE_WORDS_PER_MESSAGE]
            report = _Report(self._machines.name, asks_for_all, all_of_it and begin == 0, part)
            self._machines.send(_TOPIC, msgspec.msgpack.encode(report))

    def _changed(self) -> set[Place]:
        """Where words of this machine have changed since the last look; without one, where any are."""
        places: set[Place] = set()
        for path, _, number in found(self._directory):
            cells = self._own.get(path)
            if cells is None:
                if path.stat().st_size < FILE_BYTES:  # it has just been made
                    continue
                cells = self._own[path] = mapped(path, writing=False)
            now, before = cells.tobytes(), self._seen.get(path, bytes(cells.nbytes))
            self._seen[path] = now
            if now != before:
                places.update(Place(number, at) for at in _differences(now, before))
        return places

    def _own_word(self, place: Place) -> int:
        words = [cells[place.at] for path, cells in self._own.items() if path.name.endswith(f"-{place.number}")]
        return sum(words) if _is_running(place) else _sum(words)

    def _take(self, message: bytes) -> None:
        try:
            report = msgspec.msgpack.decode(message, type=_Report)
        except msgspec.MsgspecError:
            _log.warning("the report of another machine about limits cannot be read")
            return
        if report.machine == self._machines.name:
            return
        self._reports_all |= report.asks_for_all
        machine = self._others.get(report.machine)
        if machine is None:
            if len(self._others) >= RATE_MACHINES_MAX:
                return
            machine = self._others[report.machine] = _Machine()
        self._asks_for_all |= machine.is_silent
        machine.heard_s, machine.is_silent = self._awake_s(), False
        if report.begins_all:
            self._forget_running(machine)
            machine.words = {place: word for place, word in machine.words.items() if self._counts(place, word)}
        for number, at, word in report.words:
            place = Place(number, at)
            if self._counts(place, word):
                machine.words[place] = word
                self._write(place)

    def _counts(self, place: Place, word: int) -> bool:
        """Whether it counts now, for a machine of this version whose clock is right."""
        if not (0 <= place.number <= _NUMBER_MAX and 0 <= place.at < PROJECT_WORDS * RATE_PROJECTS_PER_FILE):
            return False
        if _is_running(place):
            return place.at % PROJECT_WORDS < RUNNING + RUNNING_KINDS and 0 <= word <= _RUNNING_MAX
        window, ring_at = divmod(place.at % PROJECT_WORDS, RING)
        granule_s = self._granule_s.get(window)
        if granule_s is None or not 0 < word < 1 << 64:
            return False
        latest, granule = int(self._clock_s()) // granule_s, word >> AMOUNT_BITS
        return granule % RING == ring_at and latest - RATE_GRANULES <= granule <= latest + 1

    def _write(self, place: Place) -> None:
        """The sum of what all others report for this place. In a granule it only grows: a process that has just begun
        does not know all of it yet."""
        cells = self._theirs.get(place.number)
        if cells is None:
            cells = self._theirs[place.number] = mapped(self._directory / of_machines(place.number), writing=True)
        words = [machine.words.get(place, 0) for machine in self._others.values()]
        if _is_running(place):
            cells[place.at] = sum(words)
        else:
            cells[place.at] = max(_sum(words), cells[place.at])

    def _forget_silent(self) -> None:
        """What ran on a machine that is silent is not known to run. What it counted stays in its granules."""
        now_s = self._awake_s()
        for name, machine in list(self._others.items()):
            if not machine.is_silent and now_s - machine.heard_s > RATE_MACHINE_SILENT_S:
                machine.is_silent = True
                self._forget_running(machine)
            elif now_s - machine.heard_s > RATE_MACHINE_GONE_S:
                del self._others[name]

    def _forget_running(self, machine: _Machine) -> None:
        for place in [place for place in machine.words if _is_running(place)]:
            del machine.words[place]
            self._write(place)


def _is_running(place: Place) -> bool:
    return place.at % PROJECT_WORDS >= RUNNING


def _sum(words: Sequence[int]) -> int:
    """The latest granule of these words, with all amounts of it."""
    latest = max(words, default=0) >> AMOUNT_BITS
    amount = sum(word & AMOUNT for word in words if word >> AMOUNT_BITS == latest)
    return latest << AMOUNT_BITS | min(amount, AMOUNT)


def _differences(now: bytes, before: bytes) -> list[int]:
    """Indexes of words that differ. Most projects are quiet, so they are compared as a whole first."""
    found = []
    for begin in range(0, len(now), _PROJECT_BYTES):
        end = begin + _PROJECT_BYTES
        if now[begin:end] != before[begin:end]:
            words = zip(memoryview(now[begin:end]).cast("Q"), memoryview(before[begin:end]).cast("Q"), strict=True)
            found += [begin // 8 + at for at, (new, old) in enumerate(words) if new != old]
    return found
