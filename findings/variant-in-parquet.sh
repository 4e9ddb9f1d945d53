#!/usr/bin/env bash
# A VARIANT that DuckDB writes to Parquet is split into three fields elsewhere, or makes the whole file unreadable.
#
# Versions:  duckdb 2.0.1, pyarrow 26.0.1, pandas 3.1.1, polars 2.1.0, chdb-core-lite 26.5.0 (ClickHouse's engine
#            26.5.1.1), Python 3.11.
# Guess:     VARIANT is a logical type of Parquet since 2025, so readers of 2026 give its values, or report that they do
#            not know it. A column that a reader does not know keeps nobody from the others.
# Behaviour: pyarrow, pandas and the engine give a struct of metadata, value and typed_value without a warning. Which of
#            them has a value depends on the other rows of its file: DuckDB keeps the most frequent kind in typed_value,
#            all else encoded in value. pyarrow knows the type, but shows it only in the text of the schema. polars
#            refuses the file, even for the names of its columns and for other columns.
# Output:    duckdb:              {'a': 1}
#            pyarrow, in a file of more objects: {'metadata': b'\x01\x01\x00\x01a', 'value': None,
#                                 'typed_value': {'a': {'value': None, 'typed_value': 1}}}
#            pyarrow, in a file of more texts:   {'metadata': b'\x01\x01\x00\x01a',
#                                 'value': b'\x02\x01\x00\x00\x05\x14\x01\x00\x00\x00', 'typed_value': None}
#            engine:              Tuple(metadata String, value Nullable(String), typed_value …)
#            polars:              parquet: File out of specification: LogicalType union has no variant set
#
# With `v::JSON` instead the values are texts for duckdb, pyarrow and pandas, and bytes for polars.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet \
    duckdb==2.0.1 polars==2.1.0 pyarrow==26.0.1 pandas==3.1.1 numpy==2.4.6 chdb-core-lite==26.5.0

cat > "$work/variant.py" <<'PY'
"""Write a VARIANT and read it by other libraries. Exit 10: as stated."""
import os
import re
import sys

import chdb
import duckdb
import pandas
import polars
from pyarrow import parquet

OBJECTS, TEXTS = f"{sys.argv[1]}/objects.parquet", f"{sys.argv[1]}/texts.parquet"
METADATA = b"\x01\x01\x00\x01a"
SHREDDED = {"metadata": METADATA, "value": None, "typed_value": {"a": {"value": None, "typed_value": 1}}}
ENCODED = {"metadata": METADATA, "value": b"\x02\x01\x00\x00\x05\x14\x01\x00\x00\x00", "typed_value": None}
REFUSED = "parquet: File out of specification: LogicalType union has no variant set"
stated = []


def expect(name, found, wanted):
    print(f"{name}: {found}")
    stated.append(found == wanted)


def refusal(read):
    try:
        return f"no refusal but {read()}"
    except polars.exceptions.ComputeError as error:
        return str(error)


engine = chdb.connect(":memory:")
for path, second, split in ((OBJECTS, "{'a': 2}", SHREDDED), (TEXTS, "'text'", ENCODED)):
    values = " UNION ALL SELECT ".join(["1 AS id, {'a': 1}::VARIANT AS v", f"2, {second}::VARIANT", "3, 'b'::VARIANT"])
    duckdb.execute(f"COPY (SELECT {values}) TO '{path}' (FORMAT parquet)")
    file = parquet.ParquetFile(path)
    kind = engine.query(f"SELECT toTypeName(v) FROM file('{path}') LIMIT 1", "TSVRaw").bytes().decode()
    expect("duckdb", duckdb.execute(f"SELECT v FROM '{path}' WHERE id = 1").fetchone(), ({"a": 1},))
    expect("pyarrow", file.read().column("v")[0].as_py(), split)
    expect("pyarrow has a field without notes", file.schema_arrow.field("v").metadata, None)
    expect("pyarrow has the name in a text", "v (Variant(1))" in str(file.schema), True)
    expect("pandas", pandas.read_parquet(path)["v"][0], split)
    parts = re.findall(r"(?m)^(?: {4}|)(\w+)", kind)
    expect("engine has a tuple", parts, ["Tuple", "metadata", "value", "typed_value"])
    expect("polars, names of columns", refusal(lambda: polars.read_parquet_schema(path)), REFUSED)
    expect("polars, another column", refusal(lambda: polars.read_parquet(path, columns=["id"])), REFUSED)
sys.stdout.flush()
os._exit(10 if all(stated) else 1)
PY

status=0
"$work/venv/bin/python" "$work/variant.py" "$work" || status=$?
[ "$status" = 10 ] || { echo "not as stated: ended with $status"; exit 1; }
