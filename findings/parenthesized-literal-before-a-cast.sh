#!/usr/bin/env bash
# Parentheses around a literal become a part of its text when `::` makes it a String.
#
# Versions:  chdb-core-lite 26.5.0 (ClickHouse's engine 26.5.1.1), Python 3.11.
# Guess:     parentheses around an expression change nothing but precedence, so ('a')::String is 'a'::String, as in
#            PostgreSQL, where the operator comes from.
# Behaviour: `::` hands the characters before it to the type: of a number, an array, a tuple, and also of a literal in
#            parentheses, with these, its quotes and its escapes. ('a')::String has five characters and is not equal to
#            'a', (5)::String is '(5)', ('5')::UInt8 is an error. Where anything is to be computed, parentheses are as
#            guessed: (5 + 0)::String is '5'. So is CAST(('a') AS String). A program that puts parentheses around the
#            values that it fills in compares with other texts, without an error.
# Output:    ('a')::String = ('a'), ('a')::FixedString(5) = ('a'), (1.50)::String = (1.50), (5 + 0)::String = 5,
#            CAST(('a') AS String) = a; equal to 'a': 0; ('5')::UInt8: CANNOT_PARSE_TEXT
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet chdb-core-lite==26.5.0 pandas==3.1.1 pyarrow==26.0.1 numpy==2.4.6

cat > "$work/literals.py" <<'PY'
"""Ask what casts of literals give. Exit 10: as stated."""
import os
import re

import chdb

STATED = {
    "('a')::String": "('a')",
    "('a')::FixedString(5)": "('a')",
    "('it\\'s')::String": "('it\\'s')",
    "(1.50)::String": "(1.50)",
    "((5))::String": "((5))",
    "length(('a')::String)": "5",
    "('a')::String = 'a'": "0",
    "('5')::UInt8": "CANNOT_PARSE_TEXT",
    "'a'::String": "a",
    "(5 + 0)::String": "5",
    "('a' || '')::String": "a",
    "CAST(('a') AS String)": "a",
}
connection = chdb.connect(":memory:")


def ask(expression):
    try:
        return connection.query(f"SELECT {expression}", "TSVRaw").bytes().decode().removesuffix("\n")
    except RuntimeError as error:
        return re.findall(r"\(([A-Z_]+)\)", str(error))[-1]


found = {expression: ask(expression) for expression in STATED}
for expression, value in found.items():
    print(f"{expression} gives {value}", flush=True)
os._exit(10 if found == STATED else 1)
PY

status=0
"$work/venv/bin/python" "$work/literals.py" || status=$?
[ "$status" = 10 ] || { echo "not as stated: ended with $status"; exit 1; }
