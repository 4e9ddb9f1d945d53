#!/usr/bin/env bash
# JSONExtract to Dynamic makes a double of a whole number if an earlier row of the block had a double.
#
# Versions:  chdb-core-lite 26.5.0 (ClickHouse's engine 26.5.1.1), Python 3.11.
# Guess:     the value of a row does not depend on other rows.
# Behaviour: {"a":1000000000000000001} is an Int64, but after a row {"a":1.5} it is a Float64, and so 1000000000000000000.
# Output:    alone 1000000000000000001 Int64, behind a double 1000000000000000000 Float64
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet chdb-core-lite==26.5.0 pandas==3.1.1 pyarrow==26.0.1 numpy==2.4.6

cat > "$work/dynamic.py" <<'PY'
"""The type of a number with and without a double before it. Exit 10: as stated."""
import os

import chdb

connection = chdb.connect(":memory:")


def last_of(*texts):
    rows = ", ".join(f"'{text}'" for text in texts)
    value = "tupleElement(JSONExtract(text, 'Tuple(a Dynamic)'), 1)"
    sql = f"SELECT toString({value}), dynamicType({value}) FROM (SELECT arrayJoin([{rows}]) AS text)"
    return connection.query(sql, "TSV").bytes().decode().splitlines()[-1].split("\t")


alone = last_of('{"a":1000000000000000001}')
behind = last_of('{"a":1.5}', '{"a":1000000000000000001}')
print(f"alone {' '.join(alone)}, behind a double {' '.join(behind)}", flush=True)
stated = (["1000000000000000001", "Int64"], ["1000000000000000000", "Float64"])
os._exit(10 if (alone, behind) == stated else 1)
PY

status=0
"$work/venv/bin/python" "$work/dynamic.py" || status=$?
[ "$status" = 10 ] || { echo "not as stated: ended with $status"; exit 1; }
