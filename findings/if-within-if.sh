#!/usr/bin/env bash
# An `if` evaluates the branch that no row takes, once its result is used in the condition of another `if`.
#
# Versions:  chdb-core-lite 26.5.0 (ClickHouse's engine 26.5.1.1), Python 3.11, Linux.
# Guess:     with short_circuit_function_evaluation = 'enable', the default, if(c, a, b) evaluates b only for rows in
#            which c is false, wherever its result goes.
# Behaviour: if d = if(c, a, b) is used in the condition and in a branch of an outer `if`, also by way of a subquery, b is
#            evaluated for all rows: a division by zero there fails the query, and a costly b is paid for every row.
#            With query_plan_merge_expressions = 0 and the inner `if` in a subquery, b is evaluated as expected.
# Output:    alone: 1 2 3; within another if: Code: 153. DB::Exception: Division by zero; not merged: 1 2 3
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet chdb-core-lite==26.5.0 pandas==3.1.1 pyarrow==26.0.1 numpy==2.4.6

"$work/venv/bin/python" - <<'PY'
import chdb

connection = chdb.connect(":memory:")


def ask(sql):
    try:
        return " ".join(connection.query(sql, "TSV").bytes().decode().split())
    except RuntimeError as error:
        return str(error).split(":  ")[0].split(": while")[0]


inner = "SELECT if(n > 0, toString(n), toString(intDiv(1, n = 0))) AS d FROM (SELECT number + 1 AS n FROM numbers(3))"
outer = f"SELECT if(d != '', d, upper(d)) FROM ({inner})"
alone, within = ask(inner), ask(outer)
apart = ask(f"{outer} SETTINGS query_plan_merge_expressions = 0")
print(f"alone: {alone}; within another if: {within}; not merged: {apart}")
raise SystemExit(not (alone == apart == "1 2 3" and "Division by zero" in within))
PY
