"""Secrets of a first start go to a terminal or into a private file, and never into the log of a service."""

import os
import pty
import re
import stat
import subprocess
from pathlib import Path

import pytest

from tests.support.crash.process_tree import Tree, environment
from tests.support.http.exchange import Reply, Request
from tests.support.server import basic
from tests.support.web.visitor import FORM, HTML

SECRET = re.compile(r"token +(\w{32})|secret +(\w{32})|password (\S+)")
REFUSED_TIMEOUT_S = 60


def secrets_in(text: str) -> list[str]:
    """Token, secret and admin password, as a first start tells them."""
    return ["".join(found) for found in SECRET.findall(text)]


def sign_in(tree: Tree, password: str) -> Reply:
    body = f"name=admin&secret={password}".encode()
    origin = ("Origin", f"http://127.0.0.1:{tree.port}")
    return tree.ask(Request("POST", "/app/sign-in", (HTML, FORM, origin), body))


def page(tree: Tree, session: Reply) -> Reply:
    """The first page, with the cookie that a sign-in gave."""
    cookie = (session.header("set-cookie") or "").partition(";")[0]
    return tree.ask(Request("GET", "/app/", (HTML, ("Cookie", cookie))))


def test_secrets_of_a_service_are_in_a_private_file_and_not_in_its_log(tmp_path: Path) -> None:
    with Tree(tmp_path / "data", "--workers", "1") as tree:
        tree.start()
        file = tree.data_dir / "first-start.txt"
        [token, secret, password] = secrets_in(file.read_text())
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        log = tree.log.read_text()
        assert str(file) in log
        assert not any(each in log for each in (token, secret, password))
        tree.wait_caught_up()
        export = "/api/2.0/export?from_date=2026-01-01&to_date=2026-01-01"
        assert tree.ask(Request("GET", export, (basic(secret),))).status == 200
        assert sign_in(tree, password).status == 303
        tree.stop()
        file.unlink()
        tree.start()
        assert not file.exists(), "a later start makes no secrets"
        tree.stop()


class TerminalTree(Tree):
    """A tree whose standard output is a terminal."""

    def begin(self) -> None:
        self.terminal, theirs = pty.openpty()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self.command, stdout=theirs, stderr=log, env=environment())
        os.close(theirs)


def test_secrets_of_a_first_start_in_a_terminal_are_shown_there_alone(tmp_path: Path) -> None:
    with TerminalTree(tmp_path / "data", "--workers", "1") as tree:
        tree.start()
        shown = os.read(tree.terminal, 65536).decode()
        os.close(tree.terminal)
        secrets = secrets_in(re.sub(r"\x1b\[[0-9;]*m", "", shown))
        assert len(secrets) == 3 and sign_in(tree, secrets[2]).status == 303
        assert not (tree.data_dir / "first-start.txt").exists()
        tree.stop()
        files = [path for path in tree.data_dir.rglob("*") if path.is_file() and "projects.db" not in path.name]
        assert not any(secrets[2].encode() in path.read_bytes() for path in files)


def test_admin_password_is_the_one_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("correct-horse-battery\n")
    with Tree(tmp_path / "data", "--workers", "1", "--admin-password-file", str(file)) as tree:
        tree.start()
        session = sign_in(tree, "correct-horse-battery")
        assert page(tree, session).status == 200
        assert len(secrets_in((tree.data_dir / "first-start.txt").read_text())) == 2, "no password was made"
        tree.stop()
        tree.start()
        assert page(tree, session).status == 200, "the same password keeps sessions"
        tree.stop()
        file.write_text("another-horse-battery")
        tree.start()
        assert page(tree, session).status == 303
        assert sign_in(tree, "correct-horse-battery").status == 403
        assert sign_in(tree, "another-horse-battery").status == 303
        assert "horse" not in tree.log.read_text()
        tree.stop()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read: no such file or directory"),
        (b"", "must hold one line of 8 to 256 characters"),
        (b"short", "must hold one line of 8 to 256 characters"),
        (b"x" * 5000, "must hold one line of 8 to 256 characters"),
        (b"first line\nsecond line\n", "must hold one line of 8 to 256 characters"),
        (b"\xff" * 20, "is not utf8"),
    ],
    ids=["absent", "empty", "short", "long", "two lines", "no text"],
)
def test_password_file_that_cannot_be_used_is_one_plain_line(
    tmp_path: Path, content: bytes | None, problem: str
) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    tree = Tree(tmp_path / "data", "--admin-password-file", str(file))
    done = subprocess.run(tree.command, env=environment(), capture_output=True, timeout=REFUSED_TIMEOUT_S, check=False)
    assert done.returncode == 2
    assert done.stderr.decode().splitlines()[-1] == f"trackway: admin_password_file {file} {problem}"
    assert not (tree.data_dir / "first-start.txt").exists(), "nothing was made"
