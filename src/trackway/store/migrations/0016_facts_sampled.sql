-- How many events the project had when its slots were chosen: they are chosen anew when there are many more.
ALTER TABLE facts_versions ADD COLUMN IF NOT EXISTS sampled UInt64;
