-- Numbers of facts: of those of a segment, how many have a name, lie in an hour and have the same JSON text in a slot.
-- `time` is the begin of the hour. Slot 255 stands for no slot: `raw` is '' then. Written from the facts of the segment
-- before the version that names the segment, and dropped with it.
CREATE TABLE IF NOT EXISTS facts_counts
(
    project_id UInt32,
    segment UInt64,
    slot UInt8,
    event LowCardinality(String),
    day Date,
    time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    raw String CODEC(ZSTD(1)),
    events UInt64 CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY (project_id, segment)
PRIMARY KEY (project_id, slot, event, day)
ORDER BY (project_id, slot, event, day, time, raw)
SETTINGS
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    min_compressed_bytes_to_fsync_after_merge = 1,
    max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000000;
-- What was derived from the facts of a segment: how many rows a table has of it, and of which slots.
ALTER TABLE facts_versions ADD COLUMN IF NOT EXISTS
    derived Array(Tuple(segment UInt64, table String, rows UInt64, slots Array(UInt8)));
