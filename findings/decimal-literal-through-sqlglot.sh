#!/usr/bin/env bash
# sqlglot reads 19.99::Decimal(10, 2) and writes a CAST that the engine answers with 19.98.
#
# Versions:  sqlglot 30.30.0, chdb-core-lite 26.5.0 (ClickHouse's engine 26.5.1.1), Python 3.11.
# Guess:     `x::T` is `CAST(x AS T)`, so ClickHouse's dialect in and out keeps the meaning of a statement.
# Behaviour: the engine reads a number before `::` as text, so that a decimal is exact. In CAST the same number is a
#            Float64 first, and becoming a decimal cuts its digits off. sqlglot writes CAST for both. Of the 10,000
#            amounts from 0.00 to 99.99, 573 are one hundredth less after the round trip. A minus before the number is
#            part of it for the engine, and not for sqlglot: -5::String is an error afterwards; 1.50::String is '1.5'.
#            ClickHouse's issue 45247 is about such floats; its pull request 116043 is to make CAST exact as well.
# Output:    19.99::Decimal(10, 2) = 19.99, and written again 19.98
#            1.50::String = 1.50, and written again 1.5
#            -5::String = -5, and written again ILLEGAL_TYPE_OF_ARGUMENT
#            '19.99'::Decimal(10, 2) = 19.99, and written again 19.99
#            573 of 10000 amounts are one hundredth less
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet \
    sqlglot==30.30.0 chdb-core-lite==26.5.0 pandas==3.1.1 pyarrow==26.0.1 numpy==2.4.6

cat > "$work/cents.py" <<'PY'
"""Ask statements as they are, and as sqlglot writes them again. Exit 10: as stated."""
import os
import re

import chdb
import sqlglot

connection = chdb.connect(":memory:")


def ask(sql):
    try:
        return connection.query(sql, "TSV").bytes().decode().split()
    except RuntimeError as error:
        return re.findall(r"\(([A-Z_]+)\)", str(error))[-1:]


def again(sql):
    return sqlglot.transpile(sql, read="clickhouse", write="clickhouse")[0]


stated = True
fewer = 0
for first in range(0, 10_000, 1000):
    amounts = ", ".join(f"{cents // 100}.{cents % 100:02}::Decimal(10, 2)" for cents in range(first, first + 1000))
    as_is, round_trip = ask(f"SELECT arrayJoin([{amounts}])"), ask(again(f"SELECT arrayJoin([{amounts}])"))
    stated &= [round(float(each) * 100) for each in as_is] == list(range(first, first + 1000))
    less = [round((float(before) - float(after)) * 100) for before, after in zip(as_is, round_trip, strict=True)]
    stated &= set(less) <= {0, 1}
    fewer += sum(less)
stated &= fewer == 573

for expression, before, after in (
    ("19.99::Decimal(10, 2)", ["19.99"], ["19.98"]),
    ("1.50::String", ["1.50"], ["1.5"]),
    ("-5::String", ["-5"], ["ILLEGAL_TYPE_OF_ARGUMENT"]),
    ("'19.99'::Decimal(10, 2)", ["19.99"], ["19.99"]),
):
    written = again(f"SELECT {expression}")
    found = (ask(f"SELECT {expression}"), ask(written))
    print(f"{expression} = {found[0][0]}, and written again {found[1][0]}: {written}")
    stated &= found == (before, after)
print(f"{fewer} of 10000 amounts are one hundredth less", flush=True)
os._exit(10 if stated else 1)
PY

status=0
"$work/venv/bin/python" "$work/cents.py" || status=$?
[ "$status" = 10 ] || { echo "not as stated: ended with $status"; exit 1; }
