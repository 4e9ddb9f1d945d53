"""The command line as a process."""

import os
import subprocess
import sys
from pathlib import Path

TRACKWAY = str(Path(sys.executable).with_name("trackway"))


def trackway(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRACKWAY_")}
    return subprocess.run([TRACKWAY, *arguments], capture_output=True, text=True, env=environment | variables)


def printed(*arguments: str, **variables: str) -> str:
    done = trackway(*arguments, **variables)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
