"""Limits of `erasure`: one constant each, with its unit and its source."""

# Tasks
TASK_POLL_S = 1.0
"""How often tasks are looked for: one statement of the projects database."""
ERASURE_RETRY_S = 5.0
"""Wait after a failure of the store or of the projects database."""
LOOK_AGAIN_S = 15.0
"""Wait before what is left is counted again. Old segments of facts are dropped within some minutes."""

# Deletions
TAKEN_IDS_MAX = 200_000
"""Ids of all persons of a task together. A task with more fails: ask for fewer persons at once."""
TAKING_ROUNDS_MAX = 5
"""How often the ids of the persons are looked up, until none came in between. The second time finds no more, unless
records were on their way."""
REJECTED_AT_ONCE_MAX = 1000
"""Rejected records in one statement that deletes them."""
