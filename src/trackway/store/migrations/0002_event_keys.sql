-- The window of $insert_id deduplication: the keys of the events of the last days. Looked up a few hundred keys at a
-- time, hence small granules and small compressed blocks: a look-up reads one of each for every key and part.
CREATE TABLE IF NOT EXISTS event_keys
(
    key      FixedString(16) CODEC(NONE),
    received DateTime64(6, 'UTC') CODEC(Delta, LZ4),
    position UInt64 CODEC(Delta, LZ4)
)
ENGINE = MergeTree
PARTITION BY toDate(received)
ORDER BY key
TTL toDateTime(received) + INTERVAL 2 DAY
SETTINGS
    index_granularity = 256,
    min_compress_block_size = 4096,
    max_compress_block_size = 16384,
    ttl_only_drop_parts = 1,
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    min_compressed_bytes_to_fsync_after_merge = 1;
