-- Which ids are one person: a row says that `id` belongs to `canonical_id`, '' that it stands alone. The canonical id of
-- an id is argMax(canonical_id, rank) over its rows, itself without any. Two sorts of rows:
-- * Claims (applied = 0) of a device by a user, rank 2^63 - sequence: the first one counts. They are inserted without a
--   look at what is there, in any order and any number of times.
-- * Changes (applied = sequence) that the loader has decided, rank 2^63 + sequence: the last one counts, before any claim.
--   All of them stay: the state as of a place in the journal is that of the rows with a smaller sequence.
-- A sequence is a place in the journal. Ids are looked up a few among millions, hence small granules; the loader also
-- asks who belongs to a canonical id.
CREATE TABLE IF NOT EXISTS identity_links
(
    project_id   UInt32,
    id           String CODEC(ZSTD(1)),
    applied      UInt64 CODEC(Delta, ZSTD(1)),
    canonical_id String CODEC(ZSTD(1)),
    rank         UInt64 CODEC(Delta, ZSTD(1)),
    sequence     UInt64 CODEC(Delta, ZSTD(1)),
    kind         UInt8,
    made         DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    reason       String,
    INDEX canonical canonical_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(rank)
ORDER BY (project_id, id, applied, canonical_id)
SETTINGS
    index_granularity = 1024,
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    min_compressed_bytes_to_fsync_after_merge = 1;
-- Requests to link ids that were refused, found by the $insert_id of the event that asked.
CREATE TABLE IF NOT EXISTS identity_refusals
(
    project_id UInt32,
    insert_id  String CODEC(ZSTD(1)),
    sequence   UInt64 CODEC(Delta, ZSTD(1)),
    kind       UInt8,
    id         String CODEC(ZSTD(1)),
    other      String CODEC(ZSTD(1)),
    reason     String,
    made       DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (project_id, insert_id, sequence)
SETTINGS
    index_granularity = 1024,
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    min_compressed_bytes_to_fsync_after_merge = 1;
