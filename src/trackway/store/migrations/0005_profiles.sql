-- One row a profile, of users and of groups: all its updates up to a position of the journal, folded. The row of the
-- highest position is the profile, so an insert that is repeated, or comes late from a loader that was killed, changes
-- nothing. A deleted profile keeps its row, which says up to where updates are applied; FINAL leaves it out of queries.
-- The loader looks up the profiles of each batch, a few among millions: hence smaller granules than usual.
CREATE TABLE IF NOT EXISTS profiles
(
    project_id UInt32,
    group_key  String,
    profile_id String CODEC(ZSTD(1)),
    position   UInt64 CODEC(Delta, ZSTD(1)),
    deleted    UInt8,
    updated    DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    properties String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(position, deleted)
ORDER BY (project_id, group_key, profile_id)
SETTINGS
    index_granularity = 1024,
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    min_compressed_bytes_to_fsync_after_merge = 1;
