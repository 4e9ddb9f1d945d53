-- What became of rejected records that somebody sent again: of the rows of a record the one made last counts. Kept as
-- long as the records themselves. state: 0 not sent after all, 1 begun, 2 in the journal.
CREATE TABLE IF NOT EXISTS replays
(
    project_id UInt32,
    received   DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    position   UInt64 CODEC(Delta, ZSTD(1)),
    `index`    UInt32,
    state      UInt8,
    made       DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    made_by    String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(made)
PARTITION BY toDate(received)
ORDER BY (project_id, received, position, `index`)
TTL toDateTime(received) + toIntervalDay(30)
SETTINGS
    ttl_only_drop_parts = 1,
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    min_compressed_bytes_to_fsync_after_merge = 1;
