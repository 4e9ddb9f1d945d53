#!/usr/bin/env bash
# The remainder of a Decimal and a whole number is computed from the Decimal's digits, without its point.
#
# Versions:  chdb-core-lite 26.5.0 (ClickHouse's engine 26.5.1.1), Python 3.11.
# Guess:     % brings both sides to one scale, as +, =, < and intDiv do: toDecimal64(100, 2) % 7 is 2.
# Behaviour: it is 0.04: 10000 % 7 is 4, and the result has the scale 2. There is no error, and the type, Decimal(18, 2),
#            is as expected. So are modulo, positiveModulo, a whole number % a Decimal, and Decimals of two scales. Two
#            Decimals of one scale are right, and so is a Float64 on one side. Of the 10,000 amounts from 0.00 to 99.99,
#            105 have the right remainder by 7. ClickHouse's issue 73093 reports it.
# Output:    toDecimal64(100, 2) % 7 = 0.04; 7 % toDecimal64('2.5', 1) = 0.7;
#            toDecimal64(100, 2) % toDecimal64(7, 2) = 2
#
# x - intDiv(x, 7) * 7 is right.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet chdb-core-lite==26.5.0 pandas==3.1.1 pyarrow==26.0.1 numpy==2.4.6

cat > "$work/remainder.py" <<'PY'
"""Ask for remainders of decimals. Exit 10: as stated."""
import os
from decimal import Decimal

import chdb

STATED = {
    "toDecimal64(100, 2) % 7": "0.04",
    "modulo(toDecimal64(100, 2), 7)": "0.04",
    "positiveModulo(toDecimal64(100, 2), 7)": "0.04",
    "toTypeName(toDecimal64(100, 2) % 7)": "Decimal(18, 2)",
    "7 % toDecimal64('2.5', 1)": "0.7",
    "toDecimal64('7.5', 1) % toDecimal64(2, 0)": "0.1",
    "toDecimal64(100, 2) % toDecimal64(7, 2)": "2",
    "toDecimal64('7.5', 1) % 2.0": "1.5",
    "toDecimal64(100, 2) - intDiv(toDecimal64(100, 2), 7) * 7": "2",
    "intDiv(toDecimal64(100, 2), 7)": "14",
}
connection = chdb.connect(":memory:")


def ask(expressions, source=""):
    return connection.query(f"SELECT {expressions} {source}", "TSV").bytes().decode().split("\n")[:-1]


found = {expression: ask(expression)[0] for expression in STATED}
for expression, value in found.items():
    print(f"{expression} = {value}")
amounts = "FROM (SELECT toDecimal64(number, 2) / 100 AS x FROM numbers(10000))"
rows = [[Decimal(each) for each in line.split("\t")] for line in ask("x, x % 7, x - intDiv(x, 7) * 7", amounts)]
right = sum(remainder == x % 7 for x, remainder, _ in rows)
right_by_division = sum(remainder == x % 7 for x, _, remainder in rows)
print(f"of {len(rows)} amounts {right} are right by % 7, {right_by_division} by intDiv", flush=True)
os._exit(10 if (found, right, right_by_division) == (STATED, 105, 10_000) else 1)
PY

status=0
"$work/venv/bin/python" "$work/remainder.py" || status=$?
[ "$status" = 10 ] || { echo "not as stated: ended with $status"; exit 1; }
