-- Requests to build a project's facts anew, one row each. A version of facts counts while their number is the one that it
-- was begun with.
CREATE TABLE IF NOT EXISTS facts_rebuilds
(
    project_id UInt32,
    asked DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY (project_id, asked)
SETTINGS
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    min_compressed_bytes_to_fsync_after_merge = 1,
    max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000000;
ALTER TABLE facts_versions ADD COLUMN IF NOT EXISTS rebuilds UInt64;
