"""Builds other than this checkout's, run with the packages of the tests: of an earlier commit, and a later one."""

import os
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Final

import psutil
import pytest

from tests.support.server import Server, environment, wait_ready
from trackway.projects.read_statements import MIGRATION_NEWEST

ROOT: Final = Path(__file__).parents[2]
_MAIN: Final = "from trackway.cli import main; main()"


class Build:
    """The code below `src` of a directory."""

    def __init__(self, place: Path) -> None:
        # It may not know the settings that tests give to a server of today.
        known = {name: value for name, value in environment().items() if not name.startswith("TRACKWAY_")}
        self._environment = known | {"PYTHONPATH": str(place / "src")}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command of the build, at its end."""
        return subprocess.run(self._command(*arguments), capture_output=True, text=True, env=self._environment)

    @contextmanager
    def serving(self, data_dir: Path, *arguments: str) -> Iterator[Server]:
        """The build's server, without a project. It is killed at the end, with all its processes."""
        data_dir.mkdir(parents=True, exist_ok=True)
        command = self._command("serve", "--port", "0", "--data-dir", str(data_dir), *arguments)
        with (data_dir / "serve.log").open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment)
        try:
            port = wait_ready(process, data_dir)
            yield Server(f"http://127.0.0.1:{port}", port, data_dir, process)
        finally:
            kill_tree(process)

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-c", _MAIN, *arguments]


class OldBuild(Build):
    """The code of a commit in a directory of its own."""

    def __init__(self, commit: str, place: Path) -> None:
        done = subprocess.run(["git", "archive", commit, "src"], cwd=ROOT, capture_output=True)
        if done.returncode:
            pytest.fail(
                f"this test runs the build of commit {commit}, which git cannot give here: fetch the whole history, "
                f"with `git fetch --unshallow`. git archive said: {done.stderr.decode().strip()}"
            )
        with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
            archive.extractall(place, filter="data")
        super().__init__(place)


class LaterBuild(Build):
    """This checkout's code with one more migration of the store and one of the projects."""

    MIGRATION: Final = 9000

    def __init__(self, place: Path) -> None:
        shutil.copytree(ROOT / "src", place / "src", ignore=shutil.ignore_patterns("__pycache__"))
        package = place / "src" / "trackway"
        sql = "ALTER TABLE events ADD COLUMN IF NOT EXISTS later UInt8 DEFAULT 7;\n"
        (package / "store" / "migrations" / f"{self.MIGRATION}_later.sql").write_text(sql)
        migrations = package / "projects" / "migrations" / "versions"
        (migrations / f"{self.MIGRATION}_later.py").write_text(_LATER.format(MIGRATION_NEWEST, self.MIGRATION))
        statements = package / "projects" / "read_statements.py"
        named = f'MIGRATION_NEWEST: Final = "{MIGRATION_NEWEST}"'
        text = statements.read_text()
        assert named in text
        statements.write_text(text.replace(named, f'MIGRATION_NEWEST: Final = "{self.MIGRATION}"'))
        super().__init__(place)


_LATER: Final = """
import sqlalchemy as sa
from alembic import op

revision = "{1}"
down_revision = "{0}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("projects", sa.Column("later", sa.Integer, nullable=False, server_default="7"))
"""


def kill_tree(process: "subprocess.Popen[bytes]") -> None:
    """SIGKILL to a server's supervisor and to all its children, as when a machine loses its power."""
    if process.poll() is None:
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        for each in children:
            if each.is_running():
                os.kill(each.pid, signal.SIGKILL)
        psutil.wait_procs(children)
    process.wait()
