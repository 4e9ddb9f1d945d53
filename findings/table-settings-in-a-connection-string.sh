#!/usr/bin/env bash
# The embedded engine takes settings of its server by a connection string, and drops those of its tables in silence.
#
# Versions:  chdb-core-lite 26.5.0 (ClickHouse's engine 26.5.1.1), Python 3.11, Linux.
# Guess:     a connection string has the keys of the server's configuration file: `background_pool_size=2` counts, and so
#            does a key with a path, `storage_configuration.disks.default.keep_free_space_bytes=…`. So
#            `merge_tree.min_bytes_for_wide_part=0`, of the section <merge_tree>, should count for every table.
# Behaviour: it has no effect and gives no error: system.merge_tree_settings says that nothing was changed, and a small
#            part is of the kind Compact. So is an option that does not exist taken without a word. The setting counts in
#            the table's own SETTINGS, where a small part is Wide.
# Output:    background_pool_size 2, changed 1; min_bytes_for_wide_part 10485760, changed 0
#            by the connection string Compact, by the table's own SETTINGS Wide
#
# So a bound for all tables must stand in each CREATE TABLE or ALTER TABLE.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet chdb-core-lite==26.5.0 pandas==3.1.1 pyarrow==26.0.1 numpy==2.4.6

cat > "$work/ask.py" <<'PY'
import sys

import chdb

OPTIONS = "background_pool_size=2&merge_tree.min_bytes_for_wide_part=0&no_such_option=5"
connection = chdb.connect(f"{sys.argv[1]}/engine?{OPTIONS}")


def ask(sql):
    return connection.query(sql, "TSV").bytes().decode().split()


def kind_of_part(table, settings=""):
    ask(f"CREATE TABLE {table} (k UInt64) ENGINE = MergeTree ORDER BY k {settings}")
    ask(f"INSERT INTO {table} SELECT number FROM numbers(10)")
    return ask(f"SELECT part_type FROM system.parts WHERE table = '{table}' AND active")


pool = ask("SELECT value, changed FROM system.server_settings WHERE name = 'background_pool_size'")
wide = ask("SELECT value, changed FROM system.merge_tree_settings WHERE name = 'min_bytes_for_wide_part'")
by_string = kind_of_part("by_string")
by_table = kind_of_part("by_table", "SETTINGS min_bytes_for_wide_part = 0")
print(f"background_pool_size {pool[0]}, changed {pool[1]}; min_bytes_for_wide_part {wide[0]}, changed {wide[1]}")
print(f"by the connection string {by_string[0]}, by the table's own SETTINGS {by_table[0]}")
seen = pool == ["2", "1"] and wide[1] == "0" and (by_string, by_table) == (["Compact"], ["Wide"])
sys.exit(0 if seen else "the engine does otherwise now")
PY
"$work/venv/bin/python" "$work/ask.py" "$work"
