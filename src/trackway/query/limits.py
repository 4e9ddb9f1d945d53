"""Limits of `query`: one constant each, with its unit and its source."""

# Identity
IDENTITY_SHOWN_MAX = 1000
"""Shown ids of a person, and shown steps of its history. In simplified mode a user may have any number."""
IDENTITY_COUNT_S_MAX = 30
"""Seconds for counting the events of a person, in the preview of a merge."""
PERSON_IDS_COUNTED_MAX = 20_000
"""Ids of persons that are looked at before they are erased. The erasure itself takes more."""
PERSON_SIZE_S_MAX = 30
"""Seconds for counting their events, and again for their profiles."""

# Age of data
AGED_DATA_S_MAX = 120
"""Seconds for counting the events that a retention would delete, and again for the profiles."""

# Facts
FACTS_CHECK_EVENTS = 25_000
"""Events of one step of a check of facts, and so its memory and time: some seconds."""
FACTS_CHECK_SHOWN_MAX = 100
"""Shown differences of one step of a check of facts. All are counted."""
FACTS_CHECK_MEMORY_BYTES_MAX = 32 * 1024 * 1024
"""Groups in memory while counts and sums are compared with their facts; more go to the disk."""
FACTS_CHECK_TRIES = 3
"""A difference counts if it is found so often, since facts change while they are compared."""

# Reports that follow persons
PERSON_ROWS_AT_ONCE = 1_500_000
"""Rows of times by person of one statement. Where there are more, it is asked for parts of the persons, one after the
other, whose groups fit the memory of a report."""
PERSON_TIMES_AT_ONCE = 16_000_000
"""The same of the times in these rows."""
PERSON_PARTS_MAX = 16
"""So many parts at most: each reads newer events and persons with newer links again. Larger ones may go to the disk."""

# The check of the store
STORE_CHECK_TRIES = 3
"""A difference between loads and events counts if it is found so often, since events may be replaced meanwhile."""
STORE_PART_S_MAX = 600.0
"""Seconds for reading one part of a table."""

# Exports
EXPORT_CHECK_S_MAX = 120
"""Seconds for checking that all operands of a `where` are booleans; more is a 400. The reply begins after the check, so
a client that leaves is noticed only then."""

# Expressions and profile queries
EXPRESSION_BYTES_MAX = 8 * 1024
"""Bytes of a segmentation expression in UTF-8. Literals go to the store in a URL, where a byte may become eleven."""
EXPRESSION_DEPTH_MAX = 64
"""Levels of nested parts of an expression. Parentheses count while they are parsed."""
EXPRESSION_NODES_MAX = 1000
"""Parts of an expression. The values of a list do not count."""
EXPRESSION_SQL_BYTES_MAX = 64 * 1024
"""Bytes of an expression's SQL. The store takes about a second to parse so much."""
EXPRESSION_ELEMENT_SQL_BYTES_MAX = 6 * 1024
"""Bytes of the SQL for each element of a list. The time to parse it grows with the square of its length."""
PROFILE_PAGE_BYTES_HELD_MAX = 4 * 1024 * 1024
"""Bytes of a result of one page that is answered at once. The store keeps a larger one, and it is streamed."""

# Read-only SQL
SQL_BYTES_MAX = 16 * 1024
"""Bytes of a statement in UTF-8. To read and write it takes some 50 ms of a thread."""
SQL_NODES_MAX = 2000
"""Parts of a statement: names, values, operators, clauses."""
SQL_TEXTS_BYTES_MAX = 8 * 1024
"""Bytes of all texts of a statement. They go to the store in a URL, where a byte may become eleven."""
SQL_ROWS_MAX = 10_000
"""Rows of an answer. It says so where there are more."""
SQL_RESULT_BYTES_MAX = 8 * 1024 * 1024
"""Bytes of the rows of an answer as JSON, which an edge process holds."""
SQL_S_MAX = 120.0
"""Seconds that the store works on a statement."""
SQL_MEMORY_BYTES_MAX = 600 * 1024 * 1024
"""Memory of a statement in the store."""
SQL_FAULT_CHARACTERS_MAX = 300
"""Characters of an error of the store or of the parser that a reply shows."""

# Pages of events
EVENTS_SEARCH_S_MAX = 5.0
"""Seconds for one search for the events of a page. The next search can continue from there."""
SHOWN_PROPERTIES_BYTES_MAX = 16 * 1024
"""Bytes of JSON of an event's properties in a list of events. Longer ones are shown on the event's own page."""
EVENT_NAMES_S_MAX = 20
"""Seconds for counting the events of each name, or for reading properties."""
SAMPLE_EVENTS_MAX = 2000
"""Newest events whose properties are read, which takes some ten milliseconds."""
PROPERTIES_SHOWN_MAX = 500
"""Properties on a page."""
PROPERTY_TIMES_S_MAX = 10.0
"""Seconds for finding when properties were first seen, and the same for when they were last seen."""
PROPERTY_NAMES_ASKED_BYTES_MAX = 16 * 1024
"""Bytes of property names in one query, as JSON; they go to the store in a URL."""
PROPERTY_NAMES_ASKED_MAX = 255
"""Property names in one query: the store's `multiSearchAny` refuses more texts."""
SEARCHED_EVENTS_MIN = 16 * 1024
SEARCHED_EVENTS_MAX = 1024 * 1024
"""Events, about, of the first and of the widest window in which properties are searched."""
SEARCHED_SLICES_MAX = 1000
"""Slices of a project's time from which windows are made."""
EXAMPLES_SHOWN = 3
"""Example values of a property."""
EXAMPLE_CHARACTERS_MAX = 80
"""Characters of an example value."""

# Pages of rejected records and people
REJECTED_REASONS_SHOWN_MAX = 100
"""Reasons of rejected records that a page shows. They name fields, so a client can cause any number."""
REJECTED_SHOWN_BYTES_MAX = 4096
"""Bytes of a rejected record that a list shows; its own page shows more."""
PERSON_EVENTS_SHOWN_MAX = 100
"""Events of one person that its page lists."""
PERSON_DAYS = 30
"""Days of activity that the page of a person or group shows."""
GROUP_KEYS_SHOWN_MAX = 100
"""Kinds of groups that a page offers."""
PAGE_PROPERTIES_BYTES_MAX = 64 * 1024
"""Bytes of JSON of one profile or event that a page shows."""

# Reports
ACTIVITY_BYTES_MAX = 16 * 1024 * 1024
"""Bytes of JSON of one page of persons' activity. A page ends before the event that would exceed it."""
FORMULA_BYTES_MAX = 1024
"""Bytes of a formula over series."""
FORMULA_DEPTH_MAX = 50
"""Levels of parentheses of a formula over series."""
REPORT_BLOCKS_S_MAX = 300.0
"""Seconds for a report's result that is read block by block while the store makes it."""
FUNNEL_NUMBERS_MAX = 1_000_000
"""Steps of all values and buckets of a funnel, some hundred bytes of the edge process each. All values are held until
the best are known, whatever `limit` is."""
FLOW_NUMBERS_MAX = 200_000
"""Different paths of flows, or in a graph pairs of neighbours: some hundred bytes of the edge process each."""
NAMED_AT_ONCE_MAX = 1000
"""Persons whose ids and names one query looks up."""
LATE_KNOWN_MAX = 5000
"""Late events, as pairs of position and day, that a question about facts names. With more it reads the facts of all
their days."""
PARTS_STILL_S = 2.0
"""Where the store's parts have been the same for so long, a report begins with them while it looks at them again."""
IDS_LOOKED_UP_MAX = 1000
"""Newer events whose persons a question about facts looks up by the ids. With more it compares the hashes of all links,
which takes a tenth of a second for a million."""
