"""The real React Native SDK, bundled as an app bundles it and run as a program that reads calls."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_ESBUILD = _HERE.parents[2] / "node_modules" / ".bin" / "esbuild"
TIMEOUT_S = 60


def bundle(directory: Path) -> Path:
    """The program, with the SDK in it. The SDK's own storage is left out: the program brings one, as apps may."""
    program = directory / "react_native.mjs"
    platform = f"--alias:react-native={_HERE / 'react_native_platform.js'}"
    options = ["--bundle", "--platform=node", "--format=esm", "--log-level=error", f"--outfile={program}"]
    without = "--external:@react-native-async-storage/async-storage"
    command = [str(_ESBUILD), str(_HERE / "react_native_client.js"), *options, platform, without]
    subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT_S)
    return program


def call_react_native_sdk(program: Path, token: str, url: str, calls: Sequence[Sequence[Any]]) -> None:
    """Make the calls, and return once the SDK believes that everything arrived."""
    environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    told = json.dumps({"token": token, "url": url, "calls": calls}).encode()
    done = subprocess.run(
        ["node", str(program)], input=told, env=environment, capture_output=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b"", done.stderr.decode()
