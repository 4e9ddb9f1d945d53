#!/usr/bin/env bash
# A query that asks for a lower priority keeps the usual one, without an error, where the process lacks CAP_SYS_NICE.
#
# Versions:  chdb-core-lite 26.5.0 (ClickHouse's engine 26.5.1.1), Python 3.11, Linux.
# Guess:     os_threads_nice_value_query = 10 makes the threads of a query nicer. Linux lets every process do that: only
#            a higher priority needs the capability. Where the engine cannot do it, it says so.
# Behaviour: without the capability the setting is accepted, the query succeeds, and all its threads stay at 0.
# Output:    with CAP_SYS_NICE:    niceness 10 of the query's threads
#            without CAP_SYS_NICE: niceness 0 of the query's threads, and no error
#
# Run it as root: a process without the capability cannot show both.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "run this as root"; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet chdb-core-lite==26.5.0 pandas==3.1.1 pyarrow==26.0.1 numpy==2.4.6

cat > "$work/niceness.py" <<'PY'
"""Print the niceness of a query's threads. `drop`: lose the capability first."""
import ctypes
import os
import sys
import threading
import time
from pathlib import Path

CAP_SYS_NICE, PR_CAPBSET_DROP = 23, 24

if sys.argv[1:] == ["drop"]:
    assert ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_SYS_NICE, 0, 0, 0) == 0
    os.execv(sys.executable, [sys.executable, __file__])
import chdb

connection = chdb.connect(":memory:")
failed = []


def ask():
    try:
        connection.query(
            "SELECT sum(sipHash64(number, repeat('x', 50))) FROM numbers_mt(30000000) GROUP BY number % 100 FORMAT Null"
            " SETTINGS os_threads_nice_value_query = 10"
        )
    except RuntimeError as error:
        failed.append(error)


def niceness():
    for task in Path("/proc/self/task").iterdir():
        try:
            head, _, rest = (task / "stat").read_text().rpartition(") ")
        except OSError:
            continue
        if head.partition("(")[2].startswith("Query"):
            yield int(rest.split()[16])


thread = threading.Thread(target=ask)
thread.start()
seen = {}
while thread.is_alive():
    for value in niceness():
        seen[value] = seen.get(value, 0) + 1
    time.sleep(0.01)
thread.join()
print("an error" if failed else max(seen, key=seen.get), flush=True)
os._exit(0)
PY

with=$("$work/venv/bin/python" "$work/niceness.py")
without=$("$work/venv/bin/python" "$work/niceness.py" drop)
echo "with CAP_SYS_NICE:    niceness $with of the query's threads"
echo "without CAP_SYS_NICE: niceness $without of the query's threads, and no error"
[ "$with $without" = "10 0" ] || { echo "not as stated"; exit 1; }
