"""The commands that README and docs tell a reader to type, and a terminal to type them into.

A command is what follows `$ ` in a block of `console`, with the lines that it goes on in. The terminal is bash in a
copy of the files that git has, in namespaces of its own: port 8080 is free there, no other machine can be reached, and
/var/lib is empty and gone at the end. The virtual environment is the one that runs the tests, since installing it takes
minutes; its program runs the copy's code.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final, NamedTuple

ROOT: Final = Path(__file__).parents[3]
DOCUMENTS: Final = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NOT_RUN: Final = {
    r"make test\b.*": "runs this test",
    r"make check\b.*": "a minute long, and run beside the tests by CI",
    r"make bench\b.*": "twenty minutes long",
    r"make soak\b.*": "hours long",
    r"make dist": "tests/system/install/test_wheel.py builds them",
    r"python3 -m venv /opt/trackway": "tests/system/install/test_wheel.py has such an environment",
    r"/opt/trackway/bin/pip install .*": "needs a package index; tests/system/install/test_wheel.py does without",
    r"python -m pytest -q -n0 .*": "a test within a test, with its own options",
    r"trackway doctor": "judges the machine that it runs on; tests/wire/cli/test_doctor.py",
    r"trackway store serve .*": "goes on until it is stopped; tests/wire/cli/test_store_serve.py runs it",
    r"export TRACKWAY_JOURNAL_URL=.*": "needs servers of NATS; tests/cluster/test_move.py has them",
    r"trackway journal .*": "needs servers of NATS; tests/cluster/test_move.py has them",
    r"trackway person erase ada@example.com": "asks a question; tests/wire/test_person_tasks.py answers it",
    r"npm pack .*": "needs a package index; tests/system/sdk/test_site_script.py has the package",
    r"tar -xzf mixpanel-browser.*": "unpacks what the line before it fetched",
    r"trackway serve --browser-sdk-path .*": "needs that script; tests/system/sdk/test_site_script.py serves it",
    r"trackway serve .*--port 443 .*": "needs a certificate; tests/wire/test_tls.py has one",
}
"""Commands, as expressions, and why they are not run."""
RUN_ELSEWHERE: Final = {"several-machines.md": "tests/cluster/test_recipe.py"}
"""Pages that a test of their own runs as a whole."""
PLACEHOLDERS: Final = {
    "<token>": r"\btoken +([0-9a-f]{32})",
    "<secret>": r"\bsecret +([0-9a-f]{32})",
    "<user name>": r"username +(nightly-import\S+)",
    "<owner>": r"username +(boss\S+)",
    "<its secret>": r"\bsecret +([0-9a-f]{32})",
    "<id>": r'"id":(\d+),"username":"reports',
    "<table id>": r"\b([0-9a-f]{8}-[0-9a-f-]{27})\b",
}
"""What a reader fills in, and where it stands in what was printed."""
_BLOCK: Final = re.compile(r"^```(?:console|sh|bash|shell)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_SERVER: Final = re.compile(r"(make run|trackway serve)\b")
_LISTENS: Final = re.compile(r"^trackway listens on ", re.MULTILINE)
_NOT_COPIED: Final = (
    ".git",
    ".venv",
    "node_modules",
    "trackway-data",
    "test-artefacts",
    "*.egg-info",
    ".*_cache",
    "__pycache__",
)
_DONE: Final = "--- done: "
_TRIES_MAX: Final = 20
_TRY_AGAIN_S: Final = 0.5
"""A reader waits a moment, too: an event is in the store a second later, an account is known after two."""
_START_S_MAX: Final = 60.0
_COMMAND_S_MAX: Final = 60.0
_LOOPBACK_UP: Final = """
import fcntl, socket, struct
with socket.socket() as sock:
    fcntl.ioctl(sock, 0x8914, struct.pack("16sh14x", b"lo", 1 | 64))  # SIOCSIFFLAGS: IFF_UP | IFF_RUNNING
"""
_PLACE: Final = 'mount -t tmpfs tmpfs /var/lib && "$1" -c "$2" && cd "$3" && exec bash --noprofile --norc'


class Command(NamedTuple):
    """What is typed, perhaps on several lines, and where it is written."""

    document: str
    text: str

    @property
    def is_server(self) -> bool:
        """Whether it goes on until somebody stops it. One that is put into the background does so by itself."""
        return bool(_SERVER.match(self.text)) and " & " not in f"{self.text} "


def commands_of(document: Path) -> list[Command]:
    """In the order of the page."""
    found = []
    for block in _BLOCK.findall(document.read_text()):
        lines = iter(block.splitlines())
        for line in lines:
            if line.startswith("$ "):
                text = line.removeprefix("$ ")
                while _goes_on(text):
                    text += "\n" + next(lines)
                found.append(Command(document.name, text))
    return found


def _goes_on(text: str) -> bool:
    try:
        shlex.split(text, comments=True)
    except ValueError:  # a quotation or a line's end is open
        return True
    return text.endswith(("\\", "&&")) or len(re.findall(r"\bdo\b", text)) > len(re.findall(r"\bdone\b", text))


def reason_against(text: str) -> str:
    """Why a command is not run; empty for all others."""
    return next((reason for pattern, reason in NOT_RUN.items() if re.fullmatch(pattern, text)), "")


def copy_of_the_checkout(place: Path) -> Path:
    """The files that git has, as they are here, with the virtual environment that is installed already."""
    if (ROOT / ".git").exists():
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
        for name in filter(None, names):
            if (ROOT / name).is_file():
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, place / name)
    else:
        shutil.copytree(ROOT, place, ignore=shutil.ignore_patterns(*_NOT_COPIED), dirs_exist_ok=True)
    (place / ".venv").symlink_to(Path(sys.executable).parents[1])
    for name in ("requirements.lock", "pyproject.toml"):
        os.utime(place / name, (0, 0))  # older than the environment, which make need not build then
    return place


@dataclass
class Terminal:
    """Bash in the copy. `said`: all that commands have printed; `serves`: the server's command, while one runs."""

    place: Path
    said: str = ""
    serves: str = ""

    def __post_init__(self) -> None:
        home = self.place.parent / "home"
        home.mkdir()
        (home / ".curlrc").write_text("silent\nshow-error\nfail-with-body\n")  # a refusal is a failure
        user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        inside = ["sh", "-c", _PLACE, "sh", sys.executable, _LOOPBACK_UP, str(self.place)]
        self._bash = subprocess.Popen(
            ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", *user, *inside],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=_environment(home, self.place),
        )  # fmt: skip
        self.type("set -m")

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self.stop_server()
        finally:
            self._bash.kill()  # what it has started is in its namespace of processes, and ends with it
            self._bash.communicate()

    @property
    def _input(self) -> IO[str]:
        assert self._bash.stdin is not None
        return self._bash.stdin

    def run(self, command: Command, text: str) -> None:
        """Returns once it has succeeded, or its server listens. text: the command, placeholders filled in."""
        if command.is_server:
            self._start(text)
            return
        for _ in range(_TRIES_MAX):
            code, said = self.type(text)
            if code == 0:
                return
            time.sleep(_TRY_AGAIN_S)
        raise AssertionError(f"{command.document}: {text}\nexit code {code}: {said}")

    def type(self, text: str) -> tuple[int, str]:
        """The exit code of a line, and what it printed."""
        # A command must not read what bash is to read next; it may end its output without a line's end.
        self._input.write(f"{{ {text}\n}} </dev/null\nprintf '\\n{_DONE}%s\\n' $?\n")
        self._input.flush()
        assert self._bash.stdout is not None
        said = ""
        with closing_after(_COMMAND_S_MAX, self._bash):
            while not (line := self._bash.stdout.readline()).startswith(_DONE):
                assert line, f"the terminal has ended, or {text} took more than {_COMMAND_S_MAX} s: {said}"
                said += line
        self.said += said
        return int(line.removeprefix(_DONE)), said

    def _start(self, text: str) -> None:
        """In the background, as in a terminal of its own; one that runs is stopped first."""
        self.stop_server()
        log = self.place / "server.log"
        log.unlink(missing_ok=True)
        code, said = self.type(f"{{ exec {text}\n}} >server.log 2>&1 &")
        assert code == 0, said
        self.serves = text
        end_s = time.monotonic() + _START_S_MAX
        while not _LISTENS.search(log.read_text() if log.exists() else ""):
            assert time.monotonic() < end_s, f"{text} does not serve: {log.read_text()}"
            time.sleep(0.05)

    def filled_in(self, text: str) -> str:
        """The command with what was printed last in place of each placeholder."""
        for name, pattern in PLACEHOLDERS.items():
            if name in text:
                found = re.findall(pattern, self.said)
                assert found, f"nothing was printed that {name} could be: {self.said[-2000:]}"
                text = text.replace(name, str(found[-1]))
        return text

    def stop_server(self) -> None:
        if self.serves:
            self.type("kill %+; wait %+")
            self.serves = ""


@contextmanager
def closing_after(seconds: float, process: subprocess.Popen[str]) -> Iterator[None]:
    """Ends the process unless the context ends before."""
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _environment(home: Path, place: Path) -> dict[str, str]:
    known = {name: value for name, value in os.environ.items()
             if not name.startswith("TRACKWAY_") and not name.lower().endswith("_proxy")}  # fmt: skip
    # The installed program is a link to the checkout's code; this one comes first.
    return known | {"HOME": str(home), "PYTHONPATH": str(place / "src"), "COLUMNS": "200"}
