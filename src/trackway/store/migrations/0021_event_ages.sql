-- From which instant on a project keeps events: the row of the highest sequence counts for all queries from its insert on,
-- whether older events are deleted already or not. `position`: only events at earlier places in the journal are deleted
-- for it. What came later may have been accepted under a longer retention. `deleted`: all of these are gone, from the
-- facts too. 1970 keeps all. A project without a row has never had a retention.
CREATE TABLE IF NOT EXISTS event_ages
(
    project_id UInt32,
    sequence UInt64,
    since DateTime64(3, 'UTC'),
    position UInt64,
    deleted UInt8,
    made DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(sequence)
ORDER BY project_id
SETTINGS
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    min_compressed_bytes_to_fsync_after_merge = 1,
    max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000000;
-- How many rows of a table were deleted because of their age: events of a partition for a row of `event_ages`, and
-- profiles for a day. A row is written before the deletion. One that was broken off finds fewer, hence the highest number
-- of equal keys counts.
CREATE TABLE IF NOT EXISTS aged_rows
(
    project_id UInt32,
    place LowCardinality(String),
    sequence UInt64,
    partition String,
    `rows` UInt64,
    made DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(`rows`)
ORDER BY (project_id, place, sequence, partition)
SETTINGS
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    min_compressed_bytes_to_fsync_after_merge = 1,
    max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000000;
