-- Rows of lookup tables, a partition for each version of a table, so that a version goes as a whole. A version counts
-- from the row on that names it in lookup_table_versions; rows of one that none names are left over from an upload that
-- broke off. `values` are JSON texts in the order of the version's columns, empty where there is no value.
CREATE TABLE IF NOT EXISTS lookup_rows
(
    project_id UInt32,
    version    UUID,
    key        String CODEC(ZSTD(1)),
    `values`   Array(String) CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY version
ORDER BY (project_id, version, key)
SETTINGS
    index_granularity = 1024,
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    min_compressed_bytes_to_fsync_after_merge = 1;
-- What was done to lookup tables, one row a change, each atomic: the one with the highest (sequence, version) is how a
-- table is now. Also what replacements are counted by.
CREATE TABLE IF NOT EXISTS lookup_table_versions
(
    project_id UInt32,
    table_id   UUID,
    sequence   UInt64,
    version    UUID,
    change     Enum8('created' = 1, 'replaced' = 2, 'deleted' = 3),
    changed    DateTime64(3, 'UTC'),
    name       String,
    columns    Array(String),
    row_count  UInt64
)
ENGINE = MergeTree
ORDER BY (project_id, table_id, sequence, version)
SETTINGS
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    min_compressed_bytes_to_fsync_after_merge = 1;
