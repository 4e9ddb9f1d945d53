-- Events are shown in the order in which they were loaded. Parts are sorted otherwise, but what lies together in one came at
-- about the same time, at least on the same day: a granule without any event of the time that is looked at is not read.
ALTER TABLE events ADD INDEX IF NOT EXISTS loaded_within loaded TYPE minmax GRANULARITY 1;
ALTER TABLE events MATERIALIZE INDEX loaded_within;
