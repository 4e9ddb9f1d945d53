#!/usr/bin/env bash
# A merge that runs into a full disk is committed with empty files, and its rows can no longer be read.
#
# Versions:  chdb-core-lite 26.5.0 (ClickHouse's engine 26.5.1.1), Python 3.11, Linux, tmpfs.
# Guess:     a background merge either completes or is thrown away; with fsync_after_insert and
#            min_rows_to_fsync_after_merge = 1 an active part is whole, also on a disk that ran full.
# Behaviour: in about one of fifty fillings a *merged* part becomes active although its columns.txt, checksums.txt,
#            or marks have 0 bytes. Every INSERT that was answered is sound; only the merge is not. count() still
#            answers from metadata; reading a column fails with code 246 (Empty marks file ...), or works until the
#            table is opened again. The source parts stay on the disk, inactive, for old_parts_lifetime, which is 0 here
#            (seen gone after 35 s) and 480 s on servers; from there on the rows are lost.
#            CHECK TABLE names the part. DETACH TABLE and ATTACH TABLE, before the sources go, set the merged part
#            aside as broken-on-start and bring every row back. With SYSTEM STOP MERGES none of 120 fillings did it.
# Output:    filling 40: part all_24_29_1 is active and unsound; attached again: 104352 of 104352 rows can be read
#
# Needs root (it mounts a small tmpfs of its own). Takes one to ten minutes: it fills the disk until a merge is hit.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "needs root, to mount a small tmpfs"; exit 2; }
work=$(mktemp -d)
trap 'umount -l "$work/disk" 2>/dev/null || true; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet chdb-core-lite==26.5.0 pandas==3.1.1 pyarrow==26.0.1 numpy==2.4.6
mkdir "$work/disk"

cat > "$work/fill.py" <<'PY'
"""Fill the disk with inserts while the engine merges; then make room and look. Exit 0: all sound, 10: the finding."""
import os, random, subprocess, sys, time
import chdb

disk, number = sys.argv[1], int(sys.argv[2])
chance = random.Random(number)
connection = chdb.connect(f"{disk}/engine")


def ask(sql):
    return connection.query(sql, "TSV").bytes().decode().strip()


ask(
    "CREATE TABLE t (k UInt64, s String CODEC(ZSTD(1))) ENGINE = MergeTree ORDER BY k SETTINGS fsync_after_insert = 1,"
    " fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1"
)
rows_max, inserted, refused, end_s = chance.choice([200, 1000, 4000]), 0, 0, time.monotonic() + 8
while refused < 12 and time.monotonic() < end_s:
    rows = chance.randint(rows_max // 4, rows_max)
    text = f"randomString({chance.randint(50, 400)})"
    try:
        ask(f"INSERT INTO t SELECT {inserted} + number, {text} FROM numbers({rows})")
        inserted += rows
    except RuntimeError:  # the disk is full
        refused += 1
        rows_max = max(20, rows_max // 2) if chance.random() < 0.5 else rows_max
        time.sleep(chance.random() / 10)
subprocess.run(["mount", "-o", "remount,size=400m", disk], check=True)
unsound = [line.split("\t")[0] for line in ask("CHECK TABLE t").splitlines() if line.split("\t")[1] == "0"]
if unsound:
    level = int(unsound[0].rsplit("_", 1)[1])
    ask("DETACH TABLE t")
    ask("ATTACH TABLE t")
    found, length = ask("SELECT uniqExact(k), sum(length(s)) > 0 FROM t").split("\t")
    print(
        f"filling {number}: part {unsound[0]} is active and unsound;"
        f" attached again: {found} of {inserted} rows can be read"
    )
    as_stated = level > 0 and int(found) == inserted and length == "1"
    os._exit(10 if as_stated else 1)
os._exit(0)
PY

for number in $(seq 1 400); do
    mount -t tmpfs -o "size=$((20 + number % 4 * 5))m" tmpfs "$work/disk"
    status=0
    timeout 120 "$work/venv/bin/python" "$work/fill.py" "$work/disk" "$number" || status=$?
    umount -l "$work/disk"
    case $status in
        0) ;;
        10) exit 0 ;;
        *) echo "not as stated: filling $number ended with $status"; exit 1 ;;
    esac
done
echo "not as stated: no unsound part in 400 fillings"
exit 1
