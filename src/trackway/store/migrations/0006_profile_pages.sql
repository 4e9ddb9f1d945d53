-- Results of profile queries that are longer than a page, as they were when they were asked for: one row a profile,
-- numbered from 0, `line` its JSON as it is sent. So a page is a range of the key, whatever became of the profiles since.
-- Rows are given out for an hour (limits.PROFILE_SESSION_S); ten minutes later their part is dropped as a whole.
CREATE TABLE IF NOT EXISTS profile_pages
(
    project_id UInt32,
    session    String,
    made       DateTime('UTC'),
    row        UInt32,
    line       String CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toStartOfTenMinutes(made)
ORDER BY (project_id, session, row)
TTL made + INTERVAL 70 MINUTE
SETTINGS
    index_granularity = 256,
    ttl_only_drop_parts = 1,
    merge_with_ttl_timeout = 300,
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    min_compressed_bytes_to_fsync_after_merge = 1;
