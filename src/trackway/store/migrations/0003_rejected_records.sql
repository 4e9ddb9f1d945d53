-- Every record refused, with the reason and its original bytes, so that it can be looked at and replayed. Loading the
-- same one twice leaves one. A part is dropped as a whole once the last of its records is old enough.
CREATE TABLE IF NOT EXISTS rejected_records
(
    project_id UInt32,
    received   DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    position   UInt64 CODEC(Delta, ZSTD(1)),
    `index`    UInt32,
    endpoint   UInt8,
    reason     LowCardinality(String),
    field      String CODEC(ZSTD(1)),
    insert_id  String CODEC(ZSTD(1)),
    original   String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(received)
ORDER BY (project_id, received, position, `index`)
TTL toDateTime(received) + toIntervalDay(30)
SETTINGS
    ttl_only_drop_parts = 1,
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    min_compressed_bytes_to_fsync_after_merge = 1;
