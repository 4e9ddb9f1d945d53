"""Records what the real SDKs put on the wire: `python -m tests.support.recordings.record_sdks` renews `recorded/`.

A tiny server takes each request as it comes and answers what makes the SDK content. Host and port are the only bytes
replaced, and random ids and clock times stay as they were.
"""

import contextlib
import json
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mixpanel import BufferedConsumer, Consumer, Mixpanel

from tests.support.sdk.https_front import certificate, tls_front
from tests.support.sdk.node import call_node_sdk

RECORDED = Path(__file__).with_name("recorded")
TOKEN = "0123456789abcdef0123456789abcdef"
SECRET = "fedcba9876543210fedcba9876543210"
_LONG_AGO = 1_700_000_000
AWKWARD = {"plan": "pro+ / 100% = ü ✓ 😀", "tags": ["a&b", "c=d"], "nested": {"count": 3, "none": None}}


def main() -> None:
    """Record every call below."""
    RECORDED.mkdir(exist_ok=True)
    for name, (reply, act) in _acts().items():
        with _recorder(reply) as (port, taken):
            act(port)
        assert len(taken) == 1, f"{name} sent {len(taken)} requests"
        written = {"name": name, **_parts(taken[0])}
        (RECORDED / f"{name}.json").write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n")
        print(name, written["method"], written["target"][:70])


def _acts() -> dict[str, tuple[bytes, Callable[[int], Any]]]:
    verbose, plain = b'{"error":null,"status":1}', b"1"
    batch = [
        {"event": "signed up", "properties": {"distinct_id": "user-1", "$insert_id": "id-1", **AWKWARD}},
        {"event": "paid", "properties": {"distinct_id": "user-1", "$insert_id": "id-2", "time": _LONG_AGO}},
    ]
    old = {"distinct_id": "user-1", "$insert_id": "id-1", **AWKWARD}
    return {
        "python_track": (verbose, lambda port: _python(port).track("user-1", "signed up", AWKWARD)),
        "python_track_with_insert_id": (
            verbose,
            lambda port: _python(port).track("user-1", "signed up", {"$insert_id": "id-1", "time": _LONG_AGO}),
        ),
        "python_track_buffered": (verbose, _python_buffered),
        "python_import_with_secret": (
            verbose,
            lambda port: _python(port).import_data(None, "user-1", "signed up", _LONG_AGO, AWKWARD, api_secret=SECRET),
        ),
        "python_import_with_key_and_secret": (
            verbose,
            lambda port: _python(port).import_data("api-key", "user-1", "signed up", _LONG_AGO, api_secret=SECRET),
        ),
        "node_track": (plain, lambda port: _node(port, ["track", "signed up", old])),
        "node_track_verbose": (verbose, lambda port: _node(port, ["track", "signed up", old], verbose=True)),
        "node_track_batch": (plain, lambda port: _node(port, ["track_batch", batch])),
        "node_import": (plain, lambda port: _node_tls(port, ["import", "signed up", _LONG_AGO, old])),
        "node_import_batch": (plain, lambda port: _node_tls(port, ["import_batch", batch[1:]])),
    }


def _python(port: int) -> Mixpanel:
    base = f"http://127.0.0.1:{port}"
    return Mixpanel(TOKEN, Consumer(events_url=f"{base}/track", import_url=f"{base}/import"))


def _python_buffered(port: int) -> None:
    consumer = BufferedConsumer(events_url=f"http://127.0.0.1:{port}/track")
    client = Mixpanel(TOKEN, consumer)
    client.track("user-1", "signed up", AWKWARD)
    client.track("user-2", "paid")
    consumer.flush()


def _node(port: int, call: list[Any], **config: Any) -> None:
    outcomes = call_node_sdk(TOKEN, {"protocol": "http", "host": f"127.0.0.1:{port}", **config}, [call])
    assert outcomes == [None], outcomes


def _node_tls(port: int, call: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        trusted = certificate(Path(directory))
        with tls_front(port, trusted) as front:
            outcomes = call_node_sdk(TOKEN, {"host": f"127.0.0.1:{front}", "secret": SECRET}, [call], trusted)
    assert outcomes == [None], outcomes


@contextlib.contextmanager
def _recorder(reply: bytes) -> Iterator[tuple[int, list[bytes]]]:
    taken: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    taken.append(_read_request(connection))
                    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(reply)}\r\nConnection: close\r\n\r\n"
                    connection.sendall(head.encode() + reply)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1], taken
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _read_request(connection: socket.socket) -> bytes:
    text = b""
    while b"\r\n\r\n" not in text:
        text += connection.recv(65536)
    head, _, body = text.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while lengths and len(body) < int(lengths[0]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def _parts(raw: bytes) -> dict[str, Any]:
    head, _, body = raw.decode("latin-1").partition("\r\n\r\n")
    start, *lines = head.split("\r\n")
    method, target, _version = start.split(" ")
    headers = [line.split(": ", 1) for line in lines]
    kept = [[name, "127.0.0.1" if name.lower() == "host" else value] for name, value in headers]
    return {"method": method, "target": target, "headers": kept, "body": body}


if __name__ == "__main__":
    main()
