-- Times of facts by person of several segments together: rows of `facts_persons` under a number of their own. The segments
-- may have been written again since then: these are the numbers of now. `links`: persons are those of all links before
-- that place in the journal. `made`: the loader's place when they were put together.
ALTER TABLE facts_versions ADD COLUMN IF NOT EXISTS
    rollups Array(Tuple(number UInt64, segments Array(UInt64), links UInt64, made UInt64));
