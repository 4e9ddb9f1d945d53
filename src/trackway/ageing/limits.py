"""Limits of `ageing`: one constant each, with its unit and its source."""

# Looks
AGE_POLL_S = 1.0
"""How often the settings of projects are looked at: one number of the projects database."""
AGE_RETRY_S = 5.0
"""Wait after a failure of the store or of the projects database."""

# Deletions
HIDDEN_S = 10.0
"""Events are out of all queries for this long before they are deleted: a query asks first from when on events count."""
DELETION_INTERVAL_S = 20 * 3600.0
"""Time between two deletions of what has aged by another day: the engine writes the events of a whole month anew. A
retention that somebody has shortened does not wait."""
DAY_STEP_MS = 2 * 86_400_000
"""A horizon that moves by less has aged by another day, also where clocks or the time zone change."""
CLOCK_AHEAD_MS_MAX = 2 * 86_400_000
"""Most by which the machine's clock may gain on the time that has passed since the start. Beyond it nothing ages."""
CLOCK_GAP_MS_MAX = 14 * 86_400_000
"""Most by which the machine's clock may be ahead of the last known time at a start. A server that was off for longer
ages nothing until somebody has confirmed the clock."""
CLOCK_NOTED_MS = 3_600_000
"""Time between two notes of the clock in the projects database."""
HORIZONS_AT_ONCE = 500
"""Projects whose events one statement deletes."""
PROFILES_AT_ONCE = 10_000
"""Profiles that one statement deletes."""
