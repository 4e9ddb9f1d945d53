"""The real Node SDK, run as a program that reads calls and prints what the SDK reported for each."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.sdk.https_front import Certificate

_CLIENT = Path(__file__).with_name("node_client.js")
TIMEOUT_S = 60


def call_node_sdk(
    token: str, config: dict[str, Any], calls: Sequence[Sequence[Any]], trusted: Certificate | None = None
) -> list[str | None]:
    """For each call its error text, or None where the SDK reported success."""
    environment = without_proxies()
    if trusted is not None:
        environment["NODE_EXTRA_CA_CERTS"] = str(trusted.chain)
    told = json.dumps({"token": token, "config": config, "calls": calls}).encode()
    done = subprocess.run(
        ["node", str(_CLIENT)], input=told, env=environment, capture_output=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    outcomes: list[str | None] = json.loads(done.stdout)
    return outcomes


def without_proxies() -> dict[str, str]:
    """The environment as it is, less what names a proxy."""
    return {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
