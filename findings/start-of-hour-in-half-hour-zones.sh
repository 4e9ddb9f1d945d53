#!/usr/bin/env bash
# toStartOfHour gives no full hour, or another hour, on a day whose offset changes by or at a part of an hour.
#
# Versions:  chdb-core-lite 26.5.0 (ClickHouse's engine 26.5.1.1, zones of 2025a), tzdata 2026.6, Python 3.11.
# Guess:     the start of an hour shows the hour of its time and no minutes, as toHour and toString do.
# Behaviour: in 2026 two zones of 597 names are hit, each on its two days of change; all other days are right.
#            Australia/Lord_Howe (Australia/LHI) moves by 30 minutes. From the change to midnight every hour starts at
#            half past: on 2026-04-05 from the second 01:30 (22.5 hours), on 2026-10-04 from 03:00 (21 hours).
#            Pacific/Chatham (NZ-CHAT) changes at a quarter to an hour. On 2026-04-05 the second 02:45 to 02:59 gets a
#            start that shows 03:00, on 2026-09-27 03:45 to 03:59 one that shows 02:00.
#            toString, toHour and toStartOfFifteenMinutes agree with Python. dateTrunc('hour', t) and
#            toStartOfInterval(t, INTERVAL 1 HOUR) give what toStartOfHour gives.
#            ClickHouse's issue 119969 reports the half hour.
# Output:    Australia/Lord_Howe, 2026-10-04: 1260 minutes in a wrong hour, from 03:00:00 starts at 02:30:00 to 23:59:00
#            starts at 23:30:00
#
# Takes one to two minutes. A statement may add an offset that Python computed, and sort the sum into hours as UTC.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet chdb-core-lite==26.5.0 pandas==3.1.1 pyarrow==26.0.1 numpy==2.4.6 tzdata==2026.6

cat > "$work/hours.py" <<'PY'
"""Compare the engine's hours of 2026 with Python's. Exit 10: as stated."""
import os
from collections import defaultdict
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import chdb

BEGIN_S, MINUTES = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()), 365 * 1440
STATED = {
    "Australia/Lord_Howe": {
        "2026-04-05": (1350, "01:30:00 starts at 01:30:00", "23:59:00 starts at 23:30:00"),
        "2026-10-04": (1260, "03:00:00 starts at 02:30:00", "23:59:00 starts at 23:30:00"),
    },
    "Pacific/Chatham": {
        "2026-04-05": (15, "02:45:00 starts at 03:00:00", "02:59:00 starts at 03:00:00"),
        "2026-09-27": (15, "03:45:00 starts at 02:00:00", "03:59:00 starts at 02:00:00"),
    },
}
connection = chdb.connect(":memory:")


def ask(sql):
    return [line.split("\t") for line in connection.query(sql, "TSV").bytes().decode().splitlines()]


def expect(true, what):
    if not true:
        print(f"not as stated: {what}")
        os._exit(1)


def is_shown(local):
    """Whether the clocks show a local time, and do not skip it."""
    return local.astimezone(UTC).astimezone(local.tzinfo).replace(fold=0) == local.replace(fold=0)


# All names, by the engine's own clocks.
hit = {
    zone
    for (zone,) in ask("SELECT time_zone FROM system.time_zones")
    if ask(
        f"SELECT 1 FROM (SELECT toDateTime({BEGIN_S} + number * 300, '{zone}') AS t FROM numbers({MINUTES // 5}))"
        f" WHERE toString(toStartOfHour(t)) != formatDateTime(t, '%Y-%m-%d %H:00:00') LIMIT 1"
    )
}
expect(hit == {"Australia/LHI", "Australia/Lord_Howe", "NZ-CHAT", "Pacific/Chatham"}, f"these are hit: {sorted(hit)}")

# These two, each minute, against Python.
for zone, stated in STATED.items():
    rules, wrong = ZoneInfo(zone), defaultdict(list)
    rows = ask(
        f"SELECT {BEGIN_S} + number * 60 AS s, toString(toDateTime(s, '{zone}') AS t), toHour(t),"
        f" toString(toStartOfFifteenMinutes(t)), toString(toStartOfHour(t) AS h),"
        f" h = dateTrunc('hour', t) AND h = toStartOfInterval(t, INTERVAL 1 HOUR) FROM numbers({MINUTES})"
    )
    for second, time, hour, quarter, start, same in rows:
        local = datetime.fromtimestamp(int(second), rules)
        quarter_stated = f"{local.replace(minute=local.minute // 15 * 15):%F %T}"
        clocks = [f"{local:%F %T}", str(local.hour), quarter_stated, "1"]
        expect([time, hour, quarter, same] == clocks, f"{zone} at {second}: {[time, hour, quarter, same]}")
        in_its_hour = start[:13] == time[:13] and (start[13:] == ":00:00" or not is_shown(local.replace(minute=0)))
        if not in_its_hour:
            wrong[time[:10]].append(f"{time[11:]} starts at {start[11:]}")
    found = {day: (len(each), each[0], each[-1]) for day, each in wrong.items()}
    for day, (minutes, first, last) in found.items():
        print(f"{zone}, {day}: {minutes} minutes in a wrong hour, from {first} to {last}", flush=True)
    expect(found == stated, "the lines above")
os._exit(10)
PY

status=0
PYTHONTZPATH="" "$work/venv/bin/python" "$work/hours.py" || status=$?
[ "$status" = 10 ] || { echo "not as stated: ended with $status"; exit 1; }
