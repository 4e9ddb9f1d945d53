-- Hours of facts by value: of those of a rollup (0023) that have one name and the same JSON text in a slot, the hour of
-- each since 1970, in their order. So a value that comes again and again stands here once, or for each segment once where
-- most facts have it. `period` is the number of the 196 days since 1970 that the hours lie in, so that a query reads no
-- years for a month. Only slots with too many values for `facts_counts` have rows. Written from the facts of the segments
-- before the version that names the rollup, and dropped with it. `segment` is the number of the rollup.
CREATE TABLE IF NOT EXISTS facts_hours
(
    project_id UInt32,
    segment UInt64,
    slot UInt8,
    event LowCardinality(String),
    period UInt16,
    raw String CODEC(LZ4),
    hours Array(UInt32) CODEC(LZ4)
)
ENGINE = MergeTree
PARTITION BY (project_id, segment)
PRIMARY KEY (project_id, slot, event, period)
ORDER BY (project_id, slot, event, period, raw)
SETTINGS
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    min_compressed_bytes_to_fsync_after_merge = 1,
    max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000000;
