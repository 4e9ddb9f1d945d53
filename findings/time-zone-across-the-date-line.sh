#!/usr/bin/env bash
# timeZoneOffset is off by 24 hours in each zone that crossed the date line, from the crossing on.
#
# Versions:  chdb-core-lite 26.5.0 (ClickHouse's engine 26.5.1.1, zones of 2025a), tzdata 2026.6, Python 3.11.
# Guess:     the offset of a time is what its clocks show less UTC, since toString and toDate get the clocks right.
# Behaviour: timeZoneOffset(toDateTime(t, zone)) is right before the crossing and exactly 86400 s too small after it, at
#            each time looked at: every six hours from 1990 to 2037. DateTime64 is no different. Seven names of 597 are
#            hit: Pacific/Kwajalein (and Kwajalein) since 1993-08-21 12:00 UTC, Pacific/Kanton (and Pacific/Enderbury)
#            since 1994-12-31 11:00, Pacific/Kiritimati since 1994-12-31 10:00, Pacific/Apia since 2011-12-30 10:00,
#            Pacific/Fakaofo since 2011-12-30 11:00. In Apia formatDateTime's %z writes the wrong offset, too, and
#            parseDateTime reads a local time as an instant 24 hours late. toString, toDate and toStartOfDay agree with
#            Python throughout. ClickHouse's issue 115281 reports it, and its pull request 115332 is to fix it.
# Output:    Pacific/Apia, 2026-06-15 12:00 on its clocks: timeZoneOffset -39600, Python 46800; %z -1100;
#            parseDateTime 86400 s late
#
# Takes one to two minutes. A statement may bind offsets that Python computed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet chdb-core-lite==26.5.0 pandas==3.1.1 pyarrow==26.0.1 numpy==2.4.6 tzdata==2026.6

cat > "$work/offsets.py" <<'PY'
"""Compare the engine's offsets and clocks with Python's. Exit 10: as stated."""
import os
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import chdb

CROSSED = {
    "Kwajalein": datetime(1993, 8, 21, 12, tzinfo=UTC),
    "Pacific/Apia": datetime(2011, 12, 30, 10, tzinfo=UTC),
    "Pacific/Enderbury": datetime(1994, 12, 31, 11, tzinfo=UTC),
    "Pacific/Fakaofo": datetime(2011, 12, 30, 11, tzinfo=UTC),
    "Pacific/Kanton": datetime(1994, 12, 31, 11, tzinfo=UTC),
    "Pacific/Kiritimati": datetime(1994, 12, 31, 10, tzinfo=UTC),
    "Pacific/Kwajalein": datetime(1993, 8, 21, 12, tzinfo=UTC),
}
BEGIN_S, STEP_S, STEPS = int(datetime(1990, 1, 1, tzinfo=UTC).timestamp()), 6 * 3600 + 1, 69_000  # until spring of 2037
connection = chdb.connect(":memory:")


def ask(sql):
    return [line.split("\t") for line in connection.query(sql, "TSV").bytes().decode().splitlines()]


def expect(true, what):
    if not true:
        print(f"not as stated: {what}")
        os._exit(1)


# All names: where the offset is half a day or more from what the engine's own clocks show less UTC.
hit = set()
for (zone,) in ask("SELECT time_zone FROM system.time_zones"):
    wrong = ask(
        f"SELECT DISTINCT timeZoneOffset(t) - (toInt64(toUnixTimestamp(toString(t), 'UTC')) - s) AS off FROM (SELECT"
        f" {BEGIN_S} + number * {STEP_S} AS s, toDateTime(s, '{zone}') AS t FROM numbers({STEPS}))"
        f" WHERE abs(off) >= 43200"
    )
    if wrong:
        hit.add(zone)
        expect(wrong == [["-86400"]], f"{zone} is off by {wrong}")
expect(hit == set(CROSSED), f"these are off: {sorted(hit)}")

# These seven: against Python, also in the seconds around the crossing.
for zone, crossed in CROSSED.items():
    near_s, rules = int(crossed.timestamp()), ZoneInfo(zone)
    all_s = f"range({near_s - 2}, {near_s + 2}), range({BEGIN_S}, {BEGIN_S + STEP_S * STEPS}, {STEP_S})"
    rows = ask(
        f"SELECT arrayJoin(arrayConcat({all_s})) AS s, timeZoneOffset(toDateTime(s, '{zone}') AS t),"
        f" timeZoneOffset(toDateTime64(s, 3, '{zone}')), toString(t), toDate(t), toString(toStartOfDay(t))"
    )
    for second, *answers in rows:
        local = datetime.fromtimestamp(int(second), rules)
        off = int(local.utcoffset().total_seconds()) - (86_400 if int(second) >= near_s else 0)
        midnight = local.replace(hour=0, minute=0, second=0, fold=0)
        start = midnight.astimezone(UTC).astimezone(rules)  # 01:00 on a day whose midnight the clocks skip
        stated = [str(off)] * 2 + [f"{local:%F %T}", f"{local:%F}", f"{start:%F %T}"]
        expect(answers == stated, f"{zone} at {second}: {answers} and not {stated}")

zone, noon = "Pacific/Apia", datetime(2026, 6, 15, 12, tzinfo=ZoneInfo("Pacific/Apia"))
((offset, z, parsed_s),) = ask(
    f"SELECT timeZoneOffset(toDateTime({int(noon.timestamp())}, '{zone}') AS t), formatDateTime(t, '%z'),"
    f" toUnixTimestamp(parseDateTime('2026-06-15 12:00:00', '%Y-%m-%d %H:%i:%S', '{zone}'))"
)
late_s = int(parsed_s) - int(noon.timestamp())
print(
    f"{zone}, {noon:%F %H:%M} on its clocks: timeZoneOffset {offset}, Python {noon.utcoffset().total_seconds():.0f};"
    f" %z {z}; parseDateTime {late_s} s late"
)
expect((offset, z, late_s) == ("-39600", "-1100", 86_400), "the line above")
print(f"off by 24 hours since the crossing: {', '.join(sorted(hit))}", flush=True)
os._exit(10)
PY

status=0
PYTHONTZPATH="" "$work/venv/bin/python" "$work/offsets.py" || status=$?
[ "$status" = 10 ] || { echo "not as stated: ended with $status"; exit 1; }
