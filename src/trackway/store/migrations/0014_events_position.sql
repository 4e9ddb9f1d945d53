-- The position of the journal record that an event came with; 0 for events that were stored before this column. Equal
-- rows have equal positions, so that all events before a cursor are the same ones for ever. Parts are sorted otherwise,
-- but events of one record lie on the same days: a granule without any event of the positions looked for is not read.
ALTER TABLE events ADD COLUMN IF NOT EXISTS position UInt64 DEFAULT 0 CODEC(T64, ZSTD(1));
ALTER TABLE events ADD INDEX IF NOT EXISTS position_within position TYPE minmax GRANULARITY 1;
ALTER TABLE events MATERIALIZE INDEX position_within;
