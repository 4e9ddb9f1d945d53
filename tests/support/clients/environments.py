"""The environments that clients run in: `make` installs each from a lock file of its own, apart from the tests' own."""

import json
import os
import subprocess
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from tests.support.certificates import Authority
from tests.support.sdk.https_front import Certificate, tls_front
from tests.support.server import Server

HERE = Path(__file__).parent
PYTHON = HERE.parents[2] / ".clients" / "bin" / "python"
TIMEOUT_S = 120
"""A bound on a client that hangs; each takes some seconds."""


def secure(server: Server, trusted: Authority, directory: Path) -> AbstractContextManager[int]:
    """A port on which the server answers by HTTPS, with a certificate that the authority signed."""
    identity = Certificate(directory / "server.pem", directory / "server-key.pem")
    trusted.sign(identity.chain, identity.key)
    return tls_front(server.port, identity)


def run(command: Sequence[str | Path], given: Any = None, **environment: str) -> str:
    """What a program prints, which reads `given` as JSON from standard input."""
    inherited = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    done = subprocess.run(
        [str(each) for each in command],
        input=json.dumps(given),
        env=inherited | environment,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
