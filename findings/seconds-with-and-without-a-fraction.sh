#!/usr/bin/env bash
# JSONExtract to DateTime64 takes a whole JSON number for milliseconds, and the same number with a fraction for seconds.
#
# Versions:  chdb-core-lite 26.5.0 (ClickHouse's engine 26.5.1.1), Python 3.11.
# Guess:     1767225600 and 1767225600.0 are one number in JSON, and toDateTime64 and CAST take both for seconds. So
#            does JSONExtract(json, 't', 'DateTime64(3)').
# Behaviour: it takes a whole number for ticks of the type's scale, and a number with a fraction or an exponent, or a
#            text, for seconds. So 1767225600 is 1970-01-21, and 1767225600.0 and "1767225600" are 2026-01-01. Of the
#            milliseconds of ten seconds that Date.now() / 1000 and JSON.stringify write, those ten without a fraction
#            are 56 years early: one of a thousand rows, without an error, and with Nullable without a NULL. Tuple and
#            the type JSON do the same. ClickHouse's pull request 108091 makes whole numbers seconds in JSON formats.
# Output:    1767225600: 1970-01-21 10:53:45.600; 1767225600.0: 2026-01-01 00:00:00.000; 10 of 10000 are in 1970
#
# fromUnixTimestamp64Milli(toInt64(round(1000 * JSONExtractFloat(json, 't')))) is right for all of them.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet chdb-core-lite==26.5.0 pandas==3.1.1 pyarrow==26.0.1 numpy==2.4.6

cat > "$work/seconds.py" <<'PY'
"""Ask for the time that spellings of one number of seconds are. Exit 10: as stated."""
import os

import chdb

SECONDS, TICKS = "2026-01-01 00:00:00.000", "1970-01-21 10:53:45.600"
ROUNDED = "fromUnixTimestamp64Milli(toInt64(round(1000 * JSONExtractFloat(json, 't'))), 'UTC')"
connection = chdb.connect(":memory:")
stated = []


def expect(what, sql, wanted):
    found = connection.query(sql, "TSV").bytes().decode().split("\n")[:-1]
    print(f"{what}: {', '.join(found)}", flush=True)
    stated.append(found == wanted)


for number, wanted in (
    ("1767225600", TICKS),
    ("1767225600.0", SECONDS),
    ("1767225600e0", SECONDS),
    ("1.7672256E9", SECONDS),
    ('"1767225600"', SECONDS),
):
    for kind in ("DateTime64(3, 'UTC')", "Nullable(DateTime64(3, 'UTC'))"):
        quoted = kind.replace("'", "\\'")
        expect(f"{number} as {kind}", f"SELECT JSONExtract('{{\"t\":{number}}}', 't', '{quoted}')", [wanted])
    expect(f"{number} as JSON", f"SELECT CAST('{{\"t\":{number}}}' AS JSON(t DateTime64(3, 'UTC'))).t", [wanted])
    expect(f"{number} rounded", f"SELECT {ROUNDED} FROM (SELECT '{{\"t\":{number}}}' AS json)", [SECONDS])
for call in ("toDateTime64(1767225600, 3, 'UTC')", "CAST(1767225600 AS DateTime64(3, 'UTC'))"):
    expect(call, f"SELECT {call}", [SECONDS])

seconds = "toString((1767225600000 + number) / 1000)"
milliseconds = f"SELECT concat('{{\"t\":', {seconds}, '}}') AS json, number FROM numbers(10000)"
early = "toYear(JSONExtract(json, 't', 'DateTime64(3, \\'UTC\\')')) = 1970"
counts = f"countIf({early}), countIf(NOT {early})"
expect("of 10000 milliseconds in 1970, and not", f"SELECT {counts} FROM ({milliseconds})", ["10\t9990"])
right = f"toUnixTimestamp64Milli({ROUNDED}) = 1767225600000 + number"
expect("right if rounded", f"SELECT countIf({right}) FROM ({milliseconds})", ["10000"])
os._exit(10 if all(stated) else 1)
PY

status=0
"$work/venv/bin/python" "$work/seconds.py" || status=$?
[ "$status" = 10 ] || { echo "not as stated: ended with $status"; exit 1; }
