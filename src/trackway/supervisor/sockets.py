"""Listening sockets, made before the first fork."""

import socket

from trackway.domain.errors import StateError
from trackway.domain.limits import LISTEN_BACKLOG


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one. Raises StateError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(LISTEN_BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        raise StateError(f"cannot listen on {host} port {port}: {error.strerror or error}") from error
    return sock
