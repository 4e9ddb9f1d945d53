-- Ids whose data is being erased, or was within the last day: what statements that delete look up, so that no id stands
-- in the text of a statement, which the engine keeps. A task's partition is dropped when its day is over.
CREATE TABLE IF NOT EXISTS erasure_ids
(
    project_id UInt32,
    task       UInt64,
    id         String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY task
ORDER BY (project_id, task, id)
SETTINGS
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    min_compressed_bytes_to_fsync_after_merge = 1,
    max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000000;
-- Keyed hashes of erased ids. What came under one until `until` is not loaded, also when the journal is read again.
CREATE TABLE IF NOT EXISTS erasures
(
    project_id UInt32,
    task       UInt64,
    hash       FixedString(16) CODEC(NONE),
    until      DateTime64(6, 'UTC') CODEC(Delta, LZ4)
)
ENGINE = ReplacingMergeTree
ORDER BY (project_id, task, hash)
SETTINGS
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    min_compressed_bytes_to_fsync_after_merge = 1,
    max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000000;
