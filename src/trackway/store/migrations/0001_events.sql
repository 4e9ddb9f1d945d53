-- One row an event. The sorting key is what makes two rows one event (protocol §4: event, time, distinct_id,
-- $insert_id); of equal rows the one received last stays. The primary key is shorter: it is what queries select by, and
-- it must fit in memory. A journal segment is deleted once it is loaded, hence every part is synced, merged ones too.
CREATE TABLE IF NOT EXISTS events
(
    project_id  UInt32,
    received    DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    endpoint    UInt8,
    time        DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    event       LowCardinality(String),
    distinct_id String CODEC(ZSTD(1)),
    insert_id   String CODEC(ZSTD(1)),
    device_id   String CODEC(ZSTD(1)),
    user_id     String CODEC(ZSTD(1)),
    properties  String CODEC(ZSTD(1)),
    loaded      DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(received)
PARTITION BY toYYYYMM(time)
PRIMARY KEY (project_id, toDate(time), event, cityHash64(distinct_id))
ORDER BY (project_id, toDate(time), event, cityHash64(distinct_id), insert_id, time, distinct_id)
SETTINGS
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    min_compressed_bytes_to_fsync_after_merge = 1;
