"""A stream of server-sent events, read line by line as it comes."""

import http.client
import json
from types import TracebackType
from typing import Any

from tests.support.web.visitor import Visit

READ_TIMEOUT_S = 30.0


class Stream:
    """`last_id`: the id of the last message that had one."""

    def __init__(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse):
        self._connection = connection
        self._response = response
        self.status = response.status
        self.last_id = ""

    def line(self) -> str:
        return self._response.readline().decode().rstrip("\n")

    def message(self) -> Any:
        """The data of the next message, as JSON."""
        while line := self._response.readline().decode():
            name, _, value = line.rstrip("\n").partition(": ")
            if name == "id":
                self.last_id = value
            if name == "data":
                return json.loads(value)
        raise AssertionError(f"the stream has ended: {self.status}")

    def read_to_end(self) -> None:
        """Return when the server ends it; a server that does not makes the read time out."""
        while self._response.readline():
            pass

    def close(self) -> None:
        self._response.close()
        self._connection.close()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def open_stream(visit: Visit, path: str, *headers: tuple[str, str]) -> Stream:
    """The stream that a page of this visitor would open."""
    server = visit.server
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=READ_TIMEOUT_S)
    cookie = "; ".join(f"{name}={value}" for name, value in visit.cookies.items())
    connection.request("GET", server.prefix + path, headers={"Cookie": cookie, **dict(headers)})
    return Stream(connection, connection.getresponse())
