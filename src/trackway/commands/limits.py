"""Limits of `commands`: one constant each, with its unit and its source."""

# The running server
COMMAND_ANSWER_S_MAX = 600.0
"""A command waits this long for the reply of the running server."""
COMMAND_POLL_S = 1.0
"""How often a command that waits asks for the state of the facts."""
COMMAND_PIECE_BYTES = 64 * 1024
"""Bytes of a CSV file that a command sends at once."""

# The demo shop
DEMO_DAYS_MAX = 365
"""Days of a demo shop; `/import` takes events of this age."""
DEMO_PEOPLE_MAX = 10_000
"""Visitors of a demo shop; its events take less than the 60 requests that `/import` accepts in an hour."""
DEMO_VISITS_PER_PERSON_MAX = 12
"""Visits of one person to a demo shop."""
