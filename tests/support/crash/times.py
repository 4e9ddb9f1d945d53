"""Times that tests of the process tree share."""

READ_S = 0.5
"""Ample time for a server to read what lies in its socket."""
