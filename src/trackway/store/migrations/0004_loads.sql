-- What each load did: the loader's cursor and the counts of every outcome, in one insert and therefore in one part,
-- which is there whole or not at all. That is why the table has no partitions and why the cursor is not a table of its
-- own. Of two inserts with one token (the first record's position) the first counts. The cursor, max(to_position), is read from the parts' own minima and maxima through the projection.
CREATE TABLE IF NOT EXISTS loads
(
    from_position UInt64 CODEC(Delta, ZSTD(1)),
    to_position   UInt64 CODEC(Delta, ZSTD(1)),
    loaded        DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    project_id    UInt32,
    minute        DateTime('UTC') CODEC(Delta, ZSTD(1)),
    endpoint      UInt8,
    outcome       LowCardinality(String),
    reason        LowCardinality(String),
    records       UInt64 CODEC(T64, ZSTD(1)),
    PROJECTION cursor (SELECT max(to_position), max(loaded))
)
ENGINE = MergeTree
ORDER BY (project_id, minute, outcome, to_position)
SETTINGS
    non_replicated_deduplication_window = 1000,
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    min_compressed_bytes_to_fsync_after_merge = 1;
