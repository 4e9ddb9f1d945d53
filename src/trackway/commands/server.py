"""The running server as commands see it: found, and asked over HTTP like by any other client.

Only the server reaches the store, so what is about stored data asks it. It is the one that says in `run/server.json` of
the data directory where it is, or one that `--url` names. The project's secret is read from the database of projects.
"""

import fcntl
import json
import ssl
from base64 import b64encode
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import SplitResult, urlencode, urlsplit

import click

from trackway.commands.options import JSON, settings_options
from trackway.errors import ConfigError, StorageError
from trackway.projects.project import Project
from trackway.projects.reader import open_reader
from trackway.settings import Settings

Answer = dict[str, Any]
Body = Iterable[bytes] | bytes | None

_ANSWER_S_MAX: Final = 600.0
_SHOWN_BYTES_MAX: Final = 100


def server_options(*, as_json: bool = True) -> Callable[[Any], Any]:
    """The options of a command that asks the server, for `server_of`."""
    named = click.option("--project", "named", metavar="NAME", help="The project. [default: the only one]")
    url = click.option("--url", metavar="URL", help="The server. [default: the one that runs on the data directory]")

    def decorate(command: Any) -> Any:
        for decorator in (*([JSON] if as_json else ()), settings_options("data_dir", "projects_url"), url, named):
            command = decorator(command)
        return command

    return decorate


class Server(NamedTuple):
    """A server and a project there."""

    url: str
    project: Project
    is_ours: bool = True
    """It runs on the data directory: on this machine, as a private file says, whatever name its certificate has."""

    def ask(
        self,
        method: str,
        path: str,
        parameters: dict[str, str] | None = None,
        body: Body = None,
        content_type: str = "application/json",
    ) -> Answer:
        """What the server answers. Raises ConfigError with why it refused or did not answer, StorageError when it
        failed."""
        answer = self._answer(method, path, parameters, body, content_type)
        try:
            told: Answer = json.loads(answer)
        except ValueError as error:
            raise _stranger(HTTPStatus.OK, answer) from error
        return told

    def lines(self, path: str, parameters: dict[str, str]) -> list[bytes]:
        """The lines that the server answers, such as those of an export. Raises as `ask`."""
        return self._answer("GET", path, parameters, None, "").splitlines()

    def _answer(
        self, method: str, path: str, parameters: dict[str, str] | None, body: Body, content_type: str
    ) -> bytes:
        parts = urlsplit(self.url)
        target = parts.path.rstrip("/") + path + (f"?{urlencode(parameters)}" if parameters else "")
        credentials = b64encode(f"{self.project.secret}:".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}"} | ({"Content-Type": content_type} if body else {})
        try:
            with closing(self._connection(parts)) as connection:
                # A body may be refused while it is still being sent: why, the answer says.
                with suppress(BrokenPipeError, ConnectionResetError):
                    connection.request(method, target, body, headers)
                response = connection.getresponse()
                status, answer = HTTPStatus(response.status), response.read()
        except (OSError, HTTPException) as error:
            raise ConfigError(f"server did not answer at {self.url}: {error}") from error
        if status is not HTTPStatus.OK:
            raise _refusal(status, answer)
        return answer

    def _connection(self, parts: SplitResult) -> HTTPConnection:
        host = parts.netloc.rpartition("@")[2]
        if parts.scheme == "http":
            return HTTPConnection(host, timeout=_ANSWER_S_MAX)
        context = ssl.create_default_context()
        if self.is_ours:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return HTTPSConnection(host, timeout=_ANSWER_S_MAX, context=context)


def server_of(settings: Settings, named: str | None = None, url: str | None = None) -> Server:
    """Raises ConfigError when there is no such project, or no server is known."""
    if url is None:
        address = _running(settings)
    elif urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise ConfigError(f"url must begin with http:// or https://, not {url[:80]!r}")
    else:
        address = url
    return Server(address, _project(settings, named), is_ours=url is None)


def _running(settings: Settings) -> str:
    """The address of the server that runs. One that was killed leaves its own behind, where anybody may listen now and
    would be sent a secret."""
    absent = ConfigError(f"no server runs on {settings.data_dir}: start it, or name one with --url")
    try:
        told = json.loads((settings.run_dir / "server.json").read_text())
        if str(told["pid"]) == _holder(settings.run_dir / "lock"):
            return str(told["url"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise absent from error
    raise absent


def _holder(lock: Path) -> str | None:
    """The process id of the server that holds the lock on the data directory, None when nobody does."""
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read().strip()
    return None


def _project(settings: Settings, name: str | None) -> Project:
    """The project of that name, else of that id; the only one there is when none is named."""
    with closing(open_reader(settings.projects_at, patient=True)) as reader:
        known = reader.all_projects()
    found = [each for each in known if name in (None, each.name)]
    found = found or [each for each in known if name == str(each.project_id)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(each.name for each in known) or "none"
    raise ConfigError(f"--project must name one of the projects: {names}")


def _refusal(status: HTTPStatus, body: bytes) -> ConfigError | StorageError:
    """What is raised for an answer that is none."""
    try:
        answer: Answer = json.loads(body)
        rows = [f"row {row['index']}: {row['message']}" for row in answer.get("failed_records", ())]
        message = "; ".join(rows) or f"{status.value} {answer['error']}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return _stranger(status, body)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return StorageError(f"server failed: {message}")
    return ConfigError(f"server refused: {message}")


def _stranger(status: HTTPStatus, body: bytes) -> ConfigError:
    begin = body[:_SHOWN_BYTES_MAX]
    return ConfigError(f"what answers there is no trackway server: {status.value} {begin!r}")
