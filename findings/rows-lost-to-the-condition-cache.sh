#!/usr/bin/env bash
# A query with a skip index makes later queries of the same table lose all rows.
#
# Versions:  chdb-core-lite 26.5.0 (ClickHouse's engine 26.5.1.1), Python 3.11.
# Guess:     a query does not change the result of another one.
# Behaviour: a minmax index leaves out granules for a condition in WHERE, while PREWHERE has another condition. The query
#            condition cache then notes that these granules have no row for the condition of PREWHERE alone. A later query
#            with that condition skips them, and finds nothing. It takes use_query_condition_cache and
#            use_skip_indexes_on_data_read, which are both on by default. Without the second one all is right. With FINAL
#            it takes use_skip_indexes_if_final_exact_mode = 0 as well.
# Output:    30 rows, then 0 rows, then 30 rows with use_skip_indexes_on_data_read = 0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet chdb-core-lite==26.5.0 pandas==3.1.1 pyarrow==26.0.1 numpy==2.4.6

cat > "$work/rows.py" <<'PY'
"""Count rows before and after a query that an index serves. Exit 10: as stated."""
import os

import chdb

connection = chdb.connect(":memory:")


def ask(sql):
    return connection.query(sql, "TSV").bytes().decode().strip()


def count_after(settings):
    ask("DROP TABLE IF EXISTS t")
    ask(
        "CREATE TABLE t (project UInt32, position UInt64, INDEX p position TYPE minmax GRANULARITY 1)"
        " ENGINE = MergeTree ORDER BY project"
    )
    ask("INSERT INTO t SELECT 7, number FROM numbers(30)")
    counts = [ask("SELECT count() FROM (SELECT position FROM t WHERE project = 7)")]
    ask(f"SELECT position FROM t PREWHERE project = 7 WHERE position >= 1000 SETTINGS {settings}")
    counts.append(ask("SELECT count() FROM (SELECT position FROM t WHERE project = 7)"))
    return counts


lost = count_after("use_skip_indexes_on_data_read = 1")
kept = count_after("use_skip_indexes_on_data_read = 0")
print(f"{lost[0]} rows, then {lost[1]} rows, then {kept[1]} rows with use_skip_indexes_on_data_read = 0", flush=True)
os._exit(10 if (lost, kept) == (["30", "0"], ["30", "30"]) else 1)
PY

status=0
"$work/venv/bin/python" "$work/rows.py" || status=$?
[ "$status" = 10 ] || { echo "not as stated: ended with $status"; exit 1; }
