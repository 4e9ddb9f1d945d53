-- Times of facts by person: of those of a segment, all that one person has within 49 days, in their order. `period` is
-- the number of these 49 days since 1970, and a time is in milliseconds after their begin. `events` has the name of
-- each. `active` is 0 for events that ask for links, which are nobody's activity. The first and the last day are of
-- UTC. Facts of nobody are not here. All rows that a person has within four periods lie beside each other, so that a
-- query meets its person again at once; with all of all periods in one place, it would read years for a month. Written
-- from the facts of the segment before the version that names the segment, and dropped with it.
CREATE TABLE IF NOT EXISTS facts_persons
(
    project_id UInt32,
    segment UInt64,
    active UInt8,
    period UInt16,
    person UInt64,
    first_day Date,
    last_day Date,
    times Array(UInt32) CODEC(LZ4),
    events Array(LowCardinality(String)) CODEC(LZ4),
    INDEX days (first_day, last_day) TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY (project_id, segment)
ORDER BY (project_id, active, intDiv(period, 4), person, period)
SETTINGS
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    min_compressed_bytes_to_fsync_after_merge = 1,
    max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000000;
