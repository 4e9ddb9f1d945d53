-- What reports read of events, narrow and in the order of persons. Nothing here is truth: it is derived from `events` and
-- `identity_links`, and may be dropped. `person` is the hash of the canonical id when the row was written, 0 for nobody.
-- `who` is that of the stored id, 0 where no link can change the person; `key` that of an event's name and ids. A slot has
-- the JSON text of one property, '' where the event lacks it; `facts_versions` says of which. A segment is written once
-- and counts from the row of `facts_versions` on that names it.
CREATE TABLE IF NOT EXISTS facts
(
    project_id UInt32,
    segment UInt64,
    event LowCardinality(String),
    day Date,
    person UInt64,
    who UInt64 CODEC(ZSTD(1)),
    time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    key UInt64 CODEC(NONE),
    s00 String CODEC(ZSTD(1)),
    s01 String CODEC(ZSTD(1)),
    s02 String CODEC(ZSTD(1)),
    s03 String CODEC(ZSTD(1)),
    s04 String CODEC(ZSTD(1)),
    s05 String CODEC(ZSTD(1)),
    s06 String CODEC(ZSTD(1)),
    s07 String CODEC(ZSTD(1)),
    s08 String CODEC(ZSTD(1)),
    s09 String CODEC(ZSTD(1)),
    s10 String CODEC(ZSTD(1)),
    s11 String CODEC(ZSTD(1)),
    s12 String CODEC(ZSTD(1)),
    s13 String CODEC(ZSTD(1)),
    s14 String CODEC(ZSTD(1)),
    s15 String CODEC(ZSTD(1)),
    s16 String CODEC(ZSTD(1)),
    s17 String CODEC(ZSTD(1)),
    s18 String CODEC(ZSTD(1)),
    s19 String CODEC(ZSTD(1)),
    s20 String CODEC(ZSTD(1)),
    s21 String CODEC(ZSTD(1)),
    s22 String CODEC(ZSTD(1)),
    s23 String CODEC(ZSTD(1)),
    s24 String CODEC(ZSTD(1)),
    s25 String CODEC(ZSTD(1)),
    s26 String CODEC(ZSTD(1)),
    s27 String CODEC(ZSTD(1)),
    s28 String CODEC(ZSTD(1)),
    s29 String CODEC(ZSTD(1)),
    s30 String CODEC(ZSTD(1)),
    s31 String CODEC(ZSTD(1)),
    s32 String CODEC(ZSTD(1)),
    s33 String CODEC(ZSTD(1)),
    s34 String CODEC(ZSTD(1)),
    s35 String CODEC(ZSTD(1)),
    s36 String CODEC(ZSTD(1)),
    s37 String CODEC(ZSTD(1)),
    s38 String CODEC(ZSTD(1)),
    s39 String CODEC(ZSTD(1)),
    s40 String CODEC(ZSTD(1)),
    s41 String CODEC(ZSTD(1)),
    s42 String CODEC(ZSTD(1)),
    s43 String CODEC(ZSTD(1)),
    s44 String CODEC(ZSTD(1)),
    s45 String CODEC(ZSTD(1)),
    s46 String CODEC(ZSTD(1)),
    s47 String CODEC(ZSTD(1)),
    s48 String CODEC(ZSTD(1)),
    s49 String CODEC(ZSTD(1)),
    s50 String CODEC(ZSTD(1)),
    s51 String CODEC(ZSTD(1)),
    s52 String CODEC(ZSTD(1)),
    s53 String CODEC(ZSTD(1)),
    s54 String CODEC(ZSTD(1)),
    s55 String CODEC(ZSTD(1)),
    s56 String CODEC(ZSTD(1)),
    s57 String CODEC(ZSTD(1)),
    s58 String CODEC(ZSTD(1)),
    s59 String CODEC(ZSTD(1)),
    s60 String CODEC(ZSTD(1)),
    s61 String CODEC(ZSTD(1)),
    s62 String CODEC(ZSTD(1)),
    s63 String CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY (project_id, segment)
PRIMARY KEY (project_id, event, day)
ORDER BY (project_id, event, day, person, time)
SETTINGS
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    min_compressed_bytes_to_fsync_after_merge = 1,
    max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000000;
-- Which facts of a project count, one row a change, each atomic: the row of the highest sequence is how they are now. The
-- segments hold the events before `position`,
-- as soon as `complete`; until then the events before that position of days before `built`. `links`: the facts of a
-- segment have the persons of all links before that place in the journal. `damages`: parts of `events` and
-- `identity_links` that had been found damaged when the first segment was written; with other damage all is built anew.
CREATE TABLE IF NOT EXISTS facts_versions
(
    project_id UInt32,
    sequence UInt64,
    run String,
    changed DateTime64(3, 'UTC') DEFAULT now64(3),
    position UInt64,
    built Date,
    complete UInt8,
    damages UInt64,
    slots Array(String),
    segments Array(Tuple(number UInt64, rows UInt64, links UInt64)),
    retired Array(Tuple(number UInt64, since_s UInt64))
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
