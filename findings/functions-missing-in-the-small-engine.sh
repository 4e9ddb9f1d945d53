#!/usr/bin/env bash
# The small package of the engine has the same version as the large one, and lacks a third of its SQL functions.
#
# Versions:  chdb-core-lite 26.5.0 and chdb-core 26.5.0 (both ClickHouse's engine 26.5.1.1), Python 3.11, Linux.
# Guess:     the small package leaves out formats, other databases and what needs a library of its own, such as maps of
#            the earth. What shifts bits, writes small letters or encodes base64 is in every build of one version.
# Behaviour: `bitAnd` is there and `bitShiftLeft` is not, `windowFunnel` is and `retention` is not, `lower` is and
#            `lowerUTF8` is not. `sumMap` fails with a name that nobody has written.
# Output:    chdb-core       26.5.1.1: 1787 functions
#            chdb-core-lite  26.5.1.1: 1243 functions, none that the other lacks
#            in both: bitAnd lower uniqCombined windowFunnel
#            only in chdb-core: base64Encode bitShiftLeft groupBitAnd lowerUTF8 retention sequenceMatch
#            sumMap in chdb-core-lite: Unknown aggregate function sumMappedArrays
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat > "$work/functions.py" <<'PY'
"""Print the engine's version, then the names of its functions, then how `sumMap` fails."""
import re

import chdb

connection = chdb.connect(":memory:")


def ask(sql):
    return connection.query(sql, "TSV").bytes().decode().split("\n")[:-1]


print(*ask("SELECT version()"))
print(*ask("SELECT name FROM system.functions ORDER BY name"))
try:
    print(*ask("SELECT sumMap([1], [2])"))
except RuntimeError as error:
    print(re.search(r"Exception: ([^.]*)\.", str(error))[1])
PY

for package in chdb-core chdb-core-lite; do
    python3 -m venv "$work/$package"
    "$work/$package/bin/pip" install --quiet "$package==26.5.0" pandas==3.1.1 pyarrow==26.0.1 numpy==2.4.6
    "$work/$package/bin/python" "$work/functions.py" > "$work/$package.txt"
done

python3 - "$work" <<'PY' | tee "$work/seen"
import sys
from pathlib import Path

large, small = (Path(sys.argv[1], f"{name}.txt").read_text().splitlines() for name in ("chdb-core", "chdb-core-lite"))
in_large, in_small = set(large[1].split()), set(small[1].split())
asked = """
base64Encode bitAnd bitShiftLeft groupBitAnd lower lowerUTF8 retention sequenceMatch uniqCombined windowFunnel
""".split()
print(f"chdb-core       {large[0]}: {len(in_large)} functions")
beside = "none" if in_small <= in_large else "some"
print(f"chdb-core-lite  {small[0]}: {len(in_small)} functions, {beside} that the other lacks")
print("in both:", *(name for name in asked if name in in_large & in_small))
print("only in chdb-core:", *(name for name in asked if name in in_large - in_small))
print("sumMap in chdb-core-lite:", small[2])
PY

sed -n 's/^# Output:    //p; s/^#            \(chdb-core-lite  \|in both\|only in\|sumMap in\)/\1/p' "$0" > "$work/stated"
diff "$work/stated" "$work/seen" || { echo "not as stated"; exit 1; }
