"""Connections to a running server: its processes share them evenly."""

import socket

import psutil

from tests.support.server import Server


def _remote_ports(pid: int) -> set[int]:
    return {each.raddr.port for each in psutil.Process(pid).net_connections("tcp") if each.raddr}


def test_connections_of_a_burst_are_shared_between_processes(server: Server) -> None:
    edges = {role: pid for role, pid in server.processes().items() if role.startswith("edge")}
    connections = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(16)]
    try:
        for connection in connections:  # an answer shows that it was accepted
            connection.sendall(b"GET /settings HTTP/1.1\r\nhost: x\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        ours = {connection.getsockname()[1] for connection in connections}
        held = {role: len(_remote_ports(pid) & ours) for role, pid in edges.items()}
    finally:
        for connection in connections:
            connection.close()
    assert sum(held.values()) == 16
    assert min(held.values()) >= 4, held
