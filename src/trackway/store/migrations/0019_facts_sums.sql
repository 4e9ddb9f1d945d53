-- Sums of the numbers of a slot: over those facts of a segment that have a name and lie in an hour. What is no finite
-- number counts as 0. `time` is the begin of the hour. Otherwise as `facts_counts`.
CREATE TABLE IF NOT EXISTS facts_sums
(
    project_id UInt32,
    segment UInt64,
    slot UInt8,
    event LowCardinality(String),
    day Date,
    time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    events UInt64 CODEC(ZSTD(1)),
    total Float64 CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY (project_id, segment)
PRIMARY KEY (project_id, slot, event, day)
ORDER BY (project_id, slot, event, day, time)
SETTINGS
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    min_compressed_bytes_to_fsync_after_merge = 1,
    max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000000;
