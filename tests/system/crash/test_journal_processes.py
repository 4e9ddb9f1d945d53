"""Real processes append to one journal on a real disk while one after another is killed."""

import random
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import IO, NamedTuple

from trackway.journal.segments.format import segment_of
from trackway.journal.segments.reader import Reader
from trackway.journal.segments.recovery import recover
from trackway.journal.segments.removal import remove_loaded
from trackway.journal.segments.writer import Writer

SEGMENT_BYTES = 128 * 1024
PROCESSES = 3
KILLS = 20
SEED = 20260102


class Acknowledged(NamedTuple):
    payload: bytes
    position: int
    before_ns: int
    after_ns: int


class Appenders:
    """The processes now running, and the output of all there ever were."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.running: list[subprocess.Popen[bytes]] = []
        self.outputs: list[IO[bytes]] = []

    def start(self) -> None:
        output = tempfile.TemporaryFile()  # noqa: SIM115 -- read after the process's end, closed by `stop`
        name = f"p{len(self.outputs)}"
        command = [
            sys.executable,
            "-m",
            "tests.support.journal.appender",
            str(self.directory),
            name,
            str(SEGMENT_BYTES),
        ]
        self.running.append(subprocess.Popen(command, stdout=output, cwd=Path(__file__).parents[3]))
        self.outputs.append(output)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        assert process.wait() == -9, "ended on its own"
        self.running.remove(process)

    def acknowledged(self) -> list[Acknowledged]:
        found = []
        for output in self.outputs:
            output.seek(0)
            for line in output.read().splitlines():
                label, *numbers = line.split()
                found.append(Acknowledged(label, *map(int, numbers)))
        return found

    def lines(self) -> int:
        return sum(output.seek(0, 2) for output in self.outputs)

    def stop(self) -> None:
        for process in list(self.running):
            self.kill(process)


def read_on(directory: Path, reader: Reader, seen: dict[bytes, int]) -> None:
    while records := reader.read(100_000):
        for position, payload in records:
            label = bytes(payload).rstrip(b".")
            assert label not in seen, "read twice"
            seen[label] = position
    assert reader.damage == []


def wait_for_more(appenders: Appenders, reader: Reader, seen: dict[bytes, int]) -> None:
    """Read until the processes have acknowledged something new."""
    lines, patience = appenders.lines(), time.monotonic() + 60
    while appenders.lines() < lines + 5_000:
        assert time.monotonic() < patience, "nobody acknowledges anything"
        read_on(appenders.directory, reader, seen)
        time.sleep(0.01)


def assert_order_agrees(acknowledged: list[Acknowledged]) -> None:
    """Who was acknowledged before another began stands before it."""
    begun_ns = 0
    for record in sorted(acknowledged, key=lambda record: record.position):
        assert record.after_ns >= begun_ns, f"{record.payload!r} stands behind one begun after its acknowledgement"
        begun_ns = max(begun_ns, record.before_ns)


def test_every_acknowledged_payload_is_read_once_and_in_order_however_many_writers_are_killed(tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    recover(directory, segment_bytes=SEGMENT_BYTES)
    appenders, seen, dice = Appenders(directory), dict[bytes, int](), random.Random(SEED)
    try:
        for _ in range(PROCESSES):
            appenders.start()
        with closing(Reader(directory)) as reader:
            for kill in range(KILLS):
                wait_for_more(appenders, reader, seen)
                appenders.kill(dice.choice(appenders.running))
                appenders.start()
                if kill % 5 == 4:
                    remove_loaded(directory, reader.position, 0)
            appenders.stop()
            with closing(Writer(directory, segment_bytes=SEGMENT_BYTES)) as writer:
                writer.append([b"last"])
            read_on(directory, reader, seen)
            cursor = reader.position
        assert segment_of(cursor) > 10
        acknowledged = appenders.acknowledged()
        assert len(acknowledged) > 20 * KILLS
        assert {record.payload: record.position for record in acknowledged}.items() <= seen.items()
        assert_order_agrees(acknowledged)
        report = recover(directory, segment_bytes=SEGMENT_BYTES)
        assert report.damage == []
        with closing(Reader(directory, cursor)) as reader:
            read_on(directory, reader, seen)
    finally:
        appenders.stop()
        for output in appenders.outputs:
            output.close()


def test_everything_acknowledged_is_there_after_all_processes_were_killed_at_once(tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    appenders, seen, cursor = Appenders(directory), dict[bytes, int](), 0
    try:
        for _ in range(4):
            assert recover(directory, segment_bytes=SEGMENT_BYTES).damage == []
            with closing(Reader(directory, cursor)) as reader:
                for _ in range(PROCESSES):
                    appenders.start()
                wait_for_more(appenders, reader, seen)
                appenders.stop()
                cursor = reader.position
        recover(directory, segment_bytes=SEGMENT_BYTES)
        with closing(Reader(directory, cursor)) as reader:
            read_on(directory, reader, seen)
        assert {record.payload for record in appenders.acknowledged()} <= seen.keys()
        assert_order_agrees(appenders.acknowledged())
    finally:
        appenders.stop()
        for output in appenders.outputs:
            output.close()
