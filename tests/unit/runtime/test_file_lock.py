import subprocess
import sys
from contextlib import closing
from pathlib import Path

from trackway.runtime.file_lock import FileLock

HOLDER = """
import sys, time
from pathlib import Path
from trackway.runtime.file_lock import FileLock
with FileLock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_two_locks_exclude_each_other(tmp_path: Path) -> None:
    with closing(FileLock(tmp_path / "lock")) as one, closing(FileLock(tmp_path / "lock")) as other:
        with one:
            assert not other.try_take()
        assert other.try_take()


def test_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process, closing(FileLock(tmp_path / "lock")) as lock:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"held\n"
            assert not lock.try_take()
        finally:
            process.kill()
        process.wait()
        with lock:
            pass
