-- What was found damaged, in the store and in the journal: one row for each part of a table or range of the journal, so
-- that it is known after a restart. place: the table, or 'journal'. name: the part's name, or the range's position. rows:
-- what it held, -1 where that is not known. lost: rows that the journal could not give back, -1 where that is not known.
-- state: 0 found, 1 loaded again from the journal.
CREATE TABLE IF NOT EXISTS damage
(
    place  String,
    name   String,
    state  UInt8,
    found  DateTime64(3, 'UTC'),
    fault  String,
    `rows` Int64,
    lost   Int64
)
ENGINE = ReplacingMergeTree(state)
ORDER BY (place, name)
SETTINGS
    fsync_after_insert = 1,
    fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1,
    min_compressed_bytes_to_fsync_after_merge = 1;
-- A table opens whatever of it is damaged: what the engine takes out is found in any case, and loaded again.
ALTER TABLE events MODIFY SETTING max_suspicious_broken_parts = 1000000, max_suspicious_broken_parts_bytes = 1000000000000000;
ALTER TABLE event_keys MODIFY SETTING max_suspicious_broken_parts = 1000000, max_suspicious_broken_parts_bytes = 1000000000000000;
ALTER TABLE rejected_records MODIFY SETTING max_suspicious_broken_parts = 1000000, max_suspicious_broken_parts_bytes = 1000000000000000;
ALTER TABLE loads MODIFY SETTING max_suspicious_broken_parts = 1000000, max_suspicious_broken_parts_bytes = 1000000000000000;
ALTER TABLE profiles MODIFY SETTING max_suspicious_broken_parts = 1000000, max_suspicious_broken_parts_bytes = 1000000000000000;
ALTER TABLE identity_links MODIFY SETTING max_suspicious_broken_parts = 1000000, max_suspicious_broken_parts_bytes = 1000000000000000;
ALTER TABLE identity_refusals MODIFY SETTING max_suspicious_broken_parts = 1000000, max_suspicious_broken_parts_bytes = 1000000000000000;
ALTER TABLE replays MODIFY SETTING max_suspicious_broken_parts = 1000000, max_suspicious_broken_parts_bytes = 1000000000000000;
ALTER TABLE lookup_rows MODIFY SETTING max_suspicious_broken_parts = 1000000, max_suspicious_broken_parts_bytes = 1000000000000000;
ALTER TABLE lookup_table_versions MODIFY SETTING max_suspicious_broken_parts = 1000000, max_suspicious_broken_parts_bytes = 1000000000000000;
