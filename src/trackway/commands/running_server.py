"""How commands find the running server and ask it over HTTP, like any other client.

Only the server reaches the store, so commands about stored data ask it. Its address is in `run/server.json` of the data
directory, or given by `--url`. The project's secret comes from the projects database.
"""

import fcntl
import json
import shutil
import ssl
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import IO, Any, Final, NamedTuple
from urllib.parse import urlencode, urlsplit

import click

from trackway.commands.limits import COMMAND_ANSWER_S_MAX
from trackway.commands.options import JSON, all_projects, settings_options
from trackway.domain.errors import ConfigError, StateError, StorageError
from trackway.domain.region import serves
from trackway.projects.project import Project
from trackway.runtime.operator_key import OPERATOR_HEADER, operator_key
from trackway.settings.table import Settings

Answer = dict[str, Any]
Body = Iterable[bytes] | bytes | None

URL: Final = click.option("--url", metavar="URL", help="The server. [default: the one that runs on the data directory]")
_SHOWN_BYTES_MAX: Final = 100
_PIECE_BYTES: Final = 1 << 16


def server_options() -> Callable[[Any], Any]:
    """The options of a command that asks the server, for `server_of`."""
    named = click.option("--project", "named", metavar="NAME", help="The project. [default: the only one]")

    def decorate(command: Any) -> Any:
        for decorator in (JSON, settings_options("data_dir", "projects_url"), URL, named):
            command = decorator(command)
        return command

    return decorate


class Server(NamedTuple):
    """A server and a project there."""

    url: str
    project: Project
    is_ours: bool = True
    """It runs on the data directory, so on this machine, whatever name its certificate has."""
    operator_key: str = ""
    """Shows the server that the command may read its data directory; empty for another server."""

    def operator_headers(self) -> dict[str, str]:
        """Headers by which the server knows its operator: such requests do not count towards hourly limits, and may
        check the whole store."""
        return {OPERATOR_HEADER: self.operator_key} if self.operator_key else {}

    def ask(
        self,
        method: str,
        path: str,
        parameters: dict[str, str] | None = None,
        body: Body = None,
        content_type: str = "application/json",
        parse: Callable[[bytes], Answer] = json.loads,
    ) -> Answer:
        """The server's answer. Raises StateError with the reason of a refusal or of no answer, StorageError for a
        failure of the server."""
        answer = self._answer(method, path, parameters, body, content_type)
        try:
            parsed = parse(answer)
        except ValueError as error:
            raise _stranger(HTTPStatus.OK, answer) from error
        return parsed

    def send(self, method: str, path: str) -> None:
        """Ask for something whose answer says no more than that it was done. Raises as `ask`."""
        self._answer(method, path, None, None, "")

    def lines(self, path: str, parameters: dict[str, str]) -> list[bytes]:
        """The lines that the server answers, such as those of an export. Raises as `ask`."""
        return self._answer("GET", path, parameters, None, "").splitlines()

    def copy(self, path: str, parameters: dict[str, str], file: IO[bytes]) -> None:
        """Write an answer of any size to a file, which has a part of it where this raises as `ask`."""
        with self._response("GET", path, parameters, None, "") as response:
            shutil.copyfileobj(response, file, _PIECE_BYTES)

    def _answer(
        self, method: str, path: str, parameters: dict[str, str] | None, body: Body, content_type: str
    ) -> bytes:
        with self._response(method, path, parameters, body, content_type) as response:
            return response.read()

    @contextmanager
    def _response(
        self, method: str, path: str, parameters: dict[str, str] | None, body: Body, content_type: str
    ) -> Iterator[HTTPResponse]:
        """The response, which is a success. Reading it raises as `ask`, too."""
        parts = urlsplit(self.url)
        target = parts.path.rstrip("/") + path + (f"?{urlencode(parameters)}" if parameters else "")
        credentials = b64encode(f"{self.project.secret}:".encode()).decode()
        headers = self.operator_headers() | {"Authorization": f"Basic {credentials}"}
        headers |= {"Content-Type": content_type} if body else {}
        try:
            with closing(_connection(self.url, self.is_ours, COMMAND_ANSWER_S_MAX)) as connection:
                # The server may refuse a body while it is still being sent; its answer says why.
                with suppress(BrokenPipeError, ConnectionResetError):
                    connection.request(method, target, body, headers)
                response = connection.getresponse()
                status = HTTPStatus(response.status)
                if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
                    raise _refusal(status, response.read())
                yield response
        except (OSError, HTTPException) as error:
            raise StateError(f"server did not answer at {self.url}: {error}") from error


class Answered(NamedTuple):
    """A server's answer to a question that needs no credentials."""

    status: int
    body: bytes


def ask_openly(url: str, path: str, timeout_s: float, *, is_ours: bool) -> Answered:
    """The answer to GET, whatever its status. Raises StateError when there is none."""
    try:
        with closing(_connection(url, is_ours, timeout_s)) as connection:
            connection.request("GET", urlsplit(url).path.rstrip("/") + path)
            response = connection.getresponse()
            return Answered(response.status, response.read())
    except (OSError, HTTPException) as error:
        raise StateError(f"server did not answer at {url}: {error}") from error


def _connection(url: str, is_ours: bool, timeout_s: float) -> HTTPConnection:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme == "http":
        return HTTPConnection(host, timeout=timeout_s)
    context = ssl.create_default_context()
    if is_ours:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return HTTPSConnection(host, timeout=timeout_s, context=context)


def server_of(settings: Settings, named: str | None = None, url: str | None = None) -> Server:
    """Raises ConfigError when there is no such project, or no server is known."""
    if url is not None:
        return Server(_checked(url), _project(settings, named), is_ours=False)
    project = _project(settings, named)
    return Server(_running(settings), project, operator_key=operator_key(settings.run_dir))


def address_of(settings: Settings, url: str | None = None) -> str:
    """The address of the server, as `--url` names it, else of the one that runs. Raises as `server_of`."""
    return _running(settings) if url is None else _checked(url).rstrip("/")


def _checked(url: str) -> str:
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise ConfigError(f"url must begin with http:// or https://, not {url[:80]!r}")
    return url


def servers_of(settings: Settings, named: str | None = None, url: str | None = None) -> list[Server]:
    """The server with each project whose data is in its region, or with the one that is named. Raises as
    `server_of`."""
    if named is not None:
        return [server_of(settings, named, url)]
    here = [each for each in all_projects(settings) if url is not None or serves(region_of(settings), each.region)]
    return [server_of(settings, str(each.project_id), url) for each in here]


def region_of(settings: Settings) -> str:
    """The region of the server that runs on the data directory; where none does, that of the settings."""
    status = status_of(settings) or {}
    return str(status.get("region", settings.region))


def _running(settings: Settings) -> str:
    """The address of the server that runs."""
    status = status_of(settings)
    if status is None:
        raise StateError(f"no server runs on {settings.data_dir}: start it, or name one with --url")
    return str(status["url"])


def status_of(settings: Settings) -> Answer | None:
    """`run/server.json` of the running server, None without one. A killed server leaves its file behind, with an
    address where another program may listen now and would receive a secret."""
    try:
        status: Answer = json.loads((settings.run_dir / "server.json").read_text())
        return status if str(status["pid"]) == _holder(settings.run_dir / "lock") else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _holder(lock: Path) -> str | None:
    """The process id of the server that holds the lock on the data directory, None without one."""
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read().strip()
    return None


def _project(settings: Settings, name: str | None) -> Project:
    """The project of that name, else of that id; without a name, the only project."""
    known = all_projects(settings)
    found = [each for each in known if name in (None, each.name)]
    found = found or [each for each in known if name == str(each.project_id)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(each.name for each in known) or "none yet"
    if name is not None:
        raise StateError(f"no project is named {name!r}; the projects: {names}")
    raise ConfigError(f"--project must name one of the projects: {names}")


def _refusal(status: HTTPStatus, body: bytes) -> StateError | StorageError:
    """The error for a reply that is no success."""
    try:
        answer: Answer = json.loads(body)
        rows = [f"row {row['index']}: {row['message']}" for row in answer.get("failed_records", ())]
        message = "; ".join(rows) or f"{status.value} {answer['error']}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return _stranger(status, body)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return StorageError(f"server failed: {message}")
    return StateError(f"server refused: {message}")


def _stranger(status: HTTPStatus, body: bytes) -> StateError:
    begin = body[:_SHOWN_BYTES_MAX]
    return StateError(f"what answers there is no trackway server: {status.value} {begin!r}")
