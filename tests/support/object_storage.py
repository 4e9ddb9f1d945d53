"""A server of S3's protocol on this machine: SeaweedFS, as its wheel brings it."""

import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pyarrow import fs

from tests.support.waiting import wait_until

_WEED = str(Path(sys.executable).with_name("weed"))
_START_S_MAX = 60.0
_KEYS = ("trackway-test", "a-secret-of-this-test")


class Storage(NamedTuple):
    """A running storage with one bucket. `variables` let a command of ours find it."""

    bucket: str
    files: fs.S3FileSystem
    variables: dict[str, str]


@contextmanager
def running_storage(directory: Path) -> Iterator[Storage]:
    """SeaweedFS with its data in a directory, on free ports of the loopback device."""
    directory.mkdir()
    config = directory / "s3.json"
    identity = {
        "name": "test",
        "credentials": [{"accessKey": _KEYS[0], "secretKey": _KEYS[1]}],
        "actions": ["Admin", "Read", "Write", "List"],
    }
    config.write_text(json.dumps({"identities": [identity]}))
    master, volume, filer, s3 = _free_ports(4)
    command = [
        _WEED, "server", f"-dir={directory}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-master.port={master}",
        f"-volume.port={volume}", "-volume.max=20", "-master.volumeSizeLimitMB=64", "-filer", f"-filer.port={filer}",
        "-s3", f"-s3.port={s3}", f"-s3.config={config}", "-s3.iam=false",
    ]  # fmt: skip
    with (directory / "weed.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=directory, env={**os.environ, "HOME": str(directory)}
        )
    try:
        files = fs.S3FileSystem(
            access_key=_KEYS[0],
            secret_key=_KEYS[1],
            endpoint_override=f"127.0.0.1:{s3}",
            scheme="http",
            region="us-east-1",
            allow_bucket_creation=True,
        )
        wait_until(lambda: _has_bucket(files), _START_S_MAX, (directory / "weed.log").read_text)
        variables = {
            "AWS_ACCESS_KEY_ID": _KEYS[0],
            "AWS_SECRET_ACCESS_KEY": _KEYS[1],
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3}",
            "AWS_REGION": "us-east-1",
        }
        yield Storage("bucket", files, variables)
    finally:
        process.kill()
        process.wait()


def _has_bucket(files: fs.S3FileSystem) -> bool:
    try:
        files.create_dir("bucket")
        with files.open_output_stream("bucket/ready") as stream:
            stream.write(b"1")
        files.delete_file("bucket/ready")
    except OSError:
        return False
    return True


def _free_ports(number: int) -> list[int]:
    """Ports that nobody uses, with those 10,000 higher, which the storage takes for its own calls."""
    found: list[int] = []
    draw = random.Random()
    while len(found) < number:
        port = draw.randrange(12_000, 30_000)
        if port not in found and all(_is_free(each) for each in (port, port + 10_000)):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as sock:
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
