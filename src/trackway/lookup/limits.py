"""Limits of `lookup`: one constant each, with its unit and its source."""

# Bounds of a table
LOOKUP_ROWS_MAX = 10_000_000
"""Rows of a lookup table, ten times what Mixpanel expects in 100 MB; more is a 413. Eight bytes of each key are held
while a table is read, and four times as much once more at its end."""
LOOKUP_ROW_CHARACTERS_MAX = 1024 * 1024
"""One row of a lookup table in the CSV, and so all of the CSV that is in memory at once."""
LOOKUP_COLUMNS_MAX = 1000
"""Columns of a lookup table, the key's included."""
LOOKUP_FAILED_ROWS_MAX = 10
"""Failed rows that a refusal names (protocol §13)."""

# Replacing a table
LOOKUP_REPLACEMENTS_WINDOW_S = 24 * 3600
"""Replacements of lookup tables are counted over a rolling window of this length (protocol §13)."""
LOOKUP_VERSION_KEPT_S = 3600
"""Rows of a table's former version are kept so long for queries that have begun with it."""
LOOKUP_VALUES_REMEMBERED = 32 * 1024
"""Values of a lookup table whose JSON is remembered while the table is read."""
LOOKUP_VALUE_REMEMBERED_CHARACTERS_MAX = 64
"""A longer value is not remembered."""
