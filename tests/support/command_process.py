"""The process behind `tests.support.forked_process`: it has the product imported, and forks for each command.

A command has a process, an environment, a directory and standard streams of its own, and ends as any process does. Only
its imports are done. They cost four fifths of the processor time of a command, and nearly half of a server's start.

`python -m tests.support.command_process SOCKET MODULE...` imports the modules, and listens on the Unix socket SOCKET
until its standard input ends. A client connects, passes a directory with the three standard streams as descriptors, and
sends a JSON object, up to the end of its side. It gets the process id as a line, and at the end the exit code as text.
"""

import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

DESCRIPTORS = 4


class Command(NamedTuple):
    """What a process gets that runs the command."""

    arguments: list[str]
    environment: dict[str, str]
    umask: int
    descriptors: list[int]


def next_command(path: str) -> Command:
    """Fork for each client. Returns in the process that is to run a command, and nowhere else."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the processes of clients
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{path}.new")
        listening.listen(64)
        Path(f"{path}.new").rename(path)  # from now on it answers
        while True:
            ready, _, _ = select.select([listening, sys.stdin], [], [])
            if sys.stdin in ready:
                os._exit(0)
            client, _ = listening.accept()
            if os.fork() == 0:
                break
            client.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    command = _read(client)
    child = os.fork()
    if child:
        for each in command.descriptors:
            os.close(each)
        client.sendall(f"{child}\n".encode())
        _, status = os.waitpid(child, 0)
        client.sendall(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    client.close()
    return command


def _read(client: socket.socket) -> Command:
    text, passed, _, _ = socket.recv_fds(client, 1 << 20, DESCRIPTORS)
    while more := client.recv(1 << 20):
        text += more
    told: dict[str, Any] = json.loads(text)
    return Command(told["arguments"], told["environment"], told["umask"], passed)


def become(command: Command) -> NoReturn:
    """Run it, as the program of that name does."""
    import trackway.cli  # noqa: PLC0415  # among the modules that are imported before the fork

    directory, *streams = command.descriptors
    os.fchdir(directory)
    os.umask(command.umask)
    os.close(directory)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(command.environment)
    time.tzset()
    sys.argv = ["trackway", *command.arguments]
    trackway.cli.main()


if __name__ == "__main__":
    for module in sys.argv[2:]:
        importlib.import_module(module)
    become(next_command(sys.argv[1]))
