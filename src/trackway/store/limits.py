"""Limits of `store`: one constant each, with its unit and its source."""

# Results and inserts
STREAM_PIECE_BYTES = 1024 * 1024
"""Bytes of a streamed result that are read at once."""
INSERT_PIECE_BYTES = 256 * 1024
"""Bytes of an insert that are sent at once."""
SPOOL_BUFFER_BYTES = 1024 * 1024
"""Bytes of an insert that are gathered before they are written to its spool file."""
SPOOL_LOOK_BYTES = 4 * 1024 * 1024
"""The free space on the disk is checked each time an insert has spooled this many bytes."""
FAILURE_BYTES_MAX = 64 * 1024
"""End of a streamed result that is searched for the error with which the store broke it off."""

# Deletions
MUTATION_POLL_S = 0.1
"""How often a running deletion is looked at."""

# Results that are kept
RESULT_SHARE_MAX = 4
"""A result is kept if it takes no more than one in so many of the bytes for all."""
RESULT_OVERHEAD_BYTES = 256
"""Bytes that each kept result counts more than it and its key have."""
STATES_BYTES_MAX = 1024 * 1024
"""Bytes of the states of projects that a process keeps for one workload; a state has some kilobytes."""
REFUSED_BYTES_MAX = 64 * 1024
"""Bytes of what a process knows of values for which statements have no shorter form, some hundred a property."""

# Failures of a connection
CAUSE_CHARACTERS_MAX = 500
"""Text of a connection's failure that a message shows."""
CAUSES_MAX = 16
"""Causes of a connection's failure that are followed to find the first one."""
